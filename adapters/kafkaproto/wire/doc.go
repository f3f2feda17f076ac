// Package wire reads and writes Kafka's primitive types in requests and answers: numbers, strings, arrays and tagged
// fields, in the two encodings before and since KIP-482.
//
// A Reader never trusts what a request claims. It accepts a length only when as many bytes are left, so that no memory
// is allocated for what will not come. After the first contradiction everything reads as zero, and the decoder checks
// once, at its end. A Stream is a request that is read while it arrives: a Reader takes small values from it, and
// batches of records are read from the reader that Lend returns.
//
// Most requests are decoded by kmsg, which trusts them: it allocates as many elements as an array claims. Such a
// request is checked against its Schema first, which also estimates the memory that decoding takes. Produce and Fetch
// are decoded and encoded with Reader and Writer alone, because they are hot: no copy of the records, no allocation for
// each partition.
package wire
