package wiring

//go:generate ./generate

// membership is this node's place among the nodes.
type membership struct{ nodeID int32 }

// standaloneNodeID is the broker id of a broker without a cluster.
const standaloneNodeID = 1
