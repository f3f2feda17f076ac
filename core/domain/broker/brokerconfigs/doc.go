// Package brokerconfigs is Kafka's configs of brokers and topics as administrators see and change them: what is in effect,
// where it comes from, and what a change would break.
//
// The static values come from the broker's settings, the dynamic ones from metadata. Both are resolved once for each
// image and then only looked up. What a config means stands in package configdef; services ask for values by Kafka's names.
package brokerconfigs
