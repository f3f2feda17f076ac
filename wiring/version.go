package wiring

import (
	"cmp"
	"runtime/debug"
)

// Version returns what this binary was built from: a module version, else the commit, "devel" when neither is known.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return cmp.Or(s.Value[:min(12, len(s.Value))], "devel")
		}
	}
	return "devel"
}
