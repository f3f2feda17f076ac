package replicas

// Reconfigure applies the broker's changed configs to the open partitions, where their topics have no configs of their
// own. Changes in the metadata need no call.
func (ps *Partitions) Reconfigure() {
	img := ps.store.Image()
	for _, tp := range ps.known() {
		if t, ok := img.TopicByID(tp.id); ok {
			ps.updateOpen(tp, t)
		}
	}
}
