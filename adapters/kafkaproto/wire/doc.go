// Package wire has Kafka's primitive types as they stand in requests and answers: numbers, strings, arrays and tagged fields, in
// the two forms that they have before and since KIP-482.
//
// A Reader never trusts what a request claims. A length is believed when as many bytes are left, so that nothing makes room
// for what will not come; after the first contradiction everything reads as zero, and the decoder looks once, at its end. A
// Stream is a request that is read while it arrives: a Reader takes small things from it, and large ones, batches of records,
// are read from where it Lends.
//
// Most requests are decoded by kmsg, which does trust: it makes room for as many elements as an array claims. Such a request
// is walked along its Schema first, which also tells what it costs in memory to decode it. Produce and Fetch are decoded and
// encoded with Reader and Writer alone, because they are hot: no copy of the records, no allocation for each partition.
package wire
