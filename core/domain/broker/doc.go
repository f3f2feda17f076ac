// Package broker is the parent of the services of a Kafka broker, one package each: use cases over the pure packages of
// core/domain and the ports. The services know no wire format, socket, file or database. Their errors are *fault.Error,
// which the adapters map to Kafka's error codes.
package broker
