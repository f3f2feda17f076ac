// Package broker has the services of a Kafka broker below it, a package each: use cases over the pure packages of
// core/domain and the ports. They know no wire format, socket, file or database; errors are *fault.Error.
package broker
