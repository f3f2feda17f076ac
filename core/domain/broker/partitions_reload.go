package broker

// Reconfigure takes the broker's changed configs into use in the partitions that are open, where their topics have no own. Changes
// in the metadata need no call.
func (ps *Partitions) Reconfigure() {
	for _, tp := range ps.known() {
		tp.mu.Lock()
		if len(tp.open) > 0 {
			cfg := ps.configs.Topic(tp.topic.Configs)
			for _, p := range tp.open {
				p.configure(cfg, ps.replicaSettings(&cfg))
			}
		}
		tp.mu.Unlock()
	}
}
