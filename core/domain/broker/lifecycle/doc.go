// Package lifecycle holds the rules for the start and the standing of this broker, alone or in a cluster: in which data
// directory it may start, how a broker without a cluster registers, and when clients may be sent to it. How a node
// registers in its cluster and stays in it is in package controller (Joining, Membership).
//
// The order of a start is: Directory.Check before anything is opened, CheckLogs on what was opened, the registration,
// and the services, whose last stage is Readiness.Run. What is refused is said with the way out, because an operator
// reads it.
package lifecycle
