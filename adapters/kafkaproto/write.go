package kafkaproto

import (
	"errors"

	"github.com/chronik-stream/chronik/core/ports"
)

const (
	// copyBelow is the size in bytes below which a part of a file is cheaper to read into the answer than to
	// send from the file.
	copyBelow = 64 << 10
	// copyAtMost limits what one answer copies from files, in bytes.
	copyAtMost = 256 << 10
	// writeStep is the most that one write sends, in bytes, so that progress can be observed.
	writeStep = 256 << 10
	// writeTogether limits the number of answers in one write.
	writeTogether = 64
)

// write sends answers as long as the head of the queue is ready. The caller has set writing. After the connection was
// closed it only releases them.
func (c *conn) write() {
	for {
		c.mu.Lock()
		n := 0
		for n < len(c.queue) && n < writeTogether && c.queue[n].ready && !c.queue[n].serving {
			n++
		}
		if n == 0 {
			c.writing = false
			c.room.Broadcast()
			c.mu.Unlock()
			return
		}
		batch := append(c.sending[:0], c.queue[:n]...)
		c.sending = batch
		rest := copy(c.queue, c.queue[n:])
		clear(c.queue[rest:])
		c.queue = c.queue[:rest]
		c.room.Broadcast()
		c.mu.Unlock()

		if err := c.send(batch); err != nil {
			c.close()
		}
		for _, x := range batch {
			x.done()
		}
		clear(batch)
	}
}

// send writes the answers of a batch.
func (c *conn) send(batch []*exchange) error {
	if c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	c.vector = c.vector[:0]
	for _, x := range batch {
		if x.lost {
			return errors.Join(c.flush(false), ErrLoseAnswer)
		}
		if x.silent {
			continue
		}
		if x.later != nil {
			x.later.encode(x)
		}
		from := 0
		for _, f := range x.files {
			c.vector = append(c.vector, x.out.b[from:f.after])
			if err := c.flush(true); err != nil {
				return err
			}
			if err := c.sendFile(f.slice); err != nil {
				return err
			}
			from = f.after
		}
		if from < len(x.out.b) {
			c.vector = append(c.vector, x.out.b[from:])
		}
	}
	return c.flush(false)
}

// flush writes the gathered bytes. more says that others follow at once and may share a packet with them.
func (c *conn) flush(more bool) error {
	defer func() {
		clear(c.vector)
		c.vector = c.vector[:0]
	}()
	switch len(c.vector) {
	case 0:
		return nil
	case 1:
		if more && c.direct() {
			return c.sendMore(c.vector[0])
		}
		return c.writeAll(c.vector[0])
	}
	total := 0
	for _, b := range c.vector {
		total += len(b)
	}
	if total > writeStep {
		for _, b := range c.vector {
			if err := c.writeAll(b); err != nil {
				return err
			}
		}
		return nil
	}
	v := c.vector // WriteTo consumes its receiver
	_, err := v.WriteTo(c.stream)
	c.active.Store(c.server.tick.Load())
	return err
}

// direct reports whether answers may be written to raw, bypassing stream.
func (c *conn) direct() bool { return c.raw != nil && c.stream == c.nc }

// writeAll writes b in steps.
func (c *conn) writeAll(b []byte) error {
	for len(b) > 0 {
		n, err := c.stream.Write(b[:min(len(b), writeStep)])
		c.active.Store(c.server.tick.Load())
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// copyFile sends s through a buffer.
func (c *conn) copyFile(s ports.Slice) error {
	buf := c.server.buffers.get(min(s.Size, writeStep))
	defer c.server.buffers.put(buf)
	for at, end := int64(0), int64(s.Size); at < end; {
		b := buf.b[:min(int64(len(buf.b)), end-at)]
		if err := s.ReadPart(b, at); err != nil {
			return err
		}
		if err := c.writeAll(b); err != nil {
			return err
		}
		at += int64(len(b))
	}
	return nil
}
