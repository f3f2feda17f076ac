package kafkaclient

import (
	"bufio"
	"context"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// readAhead is the size of the read buffer, in bytes. Larger reads, such as those of records, bypass it.
const readAhead = 64 << 10

// Dialer connects to brokers. The zero Dialer connects in plain text and without a client id.
type Dialer struct {
	ClientID string        // the client id in the header of every request; "" for none
	Timeout  time.Duration // how long connecting may take, Secure included; 0 for as long as the context lasts
	// Secure wraps the plain connection in the one that carries the requests, such as TLS. After an error the Dialer
	// closes the plain connection. nil: requests are sent in plain text.
	Secure func(ctx context.Context, plain net.Conn, address string) (net.Conn, error)
}

// Dial connects to the broker at address, host:port. Close the Conn.
func (d Dialer) Dial(ctx context.Context, address string) (*Conn, error) {
	if d.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.Timeout)
		defer cancel()
	}
	var dialer net.Dialer
	stream, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if d.Secure != nil {
		secured, err := d.Secure(ctx, stream, address)
		if err != nil {
			_ = stream.Close() // nothing was sent that could be lost
			return nil, err
		}
		stream = secured
	}
	return d.over(stream, address), nil
}

// over returns a Conn that uses stream.
func (d Dialer) over(stream net.Conn, address string) *Conn {
	var options []kmsg.RequestFormatterOpt
	if d.ClientID != "" {
		options = append(options, kmsg.FormatterClientID(d.ClientID))
	}
	return &Conn{
		address: address, stream: stream, in: bufio.NewReaderSize(stream, readAhead),
		format: kmsg.NewRequestFormatter(options...),
	}
}
