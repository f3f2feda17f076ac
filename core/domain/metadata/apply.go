package metadata

// Apply decides cmd against img. When cmd is allowed it returns the image that follows and what cmd
// produced; img itself never changes. When a rule forbids cmd it returns a *fault.Error and img.
func Apply(img *Image, cmd Command) (*Image, Result, error) { panic("landing soon") }
