// Package brokerconfigs is the service for Kafka's configs of brokers, topics, groups and loggers, as administrators
// see and change them: which value is in effect, where it comes from, and which changes are allowed.
//
// Static values come from the broker's settings, dynamic ones from the metadata. Both are resolved once per image and
// then only looked up, so that a getter costs no parsing and no allocation: services ask for configs with every
// request. What a config means, its type, default and rule, is defined in package configdef; services name configs by
// Kafka's keys.
//
// A Configs is safe for concurrent use. Metadata has the last word on dynamic values: a change is a command, and what
// it cannot check because it depends on static configs is checked here before.
package brokerconfigs
