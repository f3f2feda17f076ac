package replicas

// Reconfigure takes the broker's changed configs into use in the partitions that are open, where their topics have no own. Changes
// in the metadata need no call.
func (ps *Partitions) Reconfigure() {
	img := ps.store.Image()
	for _, tp := range ps.known() {
		if t, ok := img.TopicByID(tp.id); ok {
			ps.bringInLine(tp, t)
		}
	}
}
