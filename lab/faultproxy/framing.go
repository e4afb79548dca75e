package faultproxy

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"

	ber "github.com/go-asn1-ber/asn1-ber"

	"github.com/aliasd/aliasd/lab/directory/wire"
)

// framed is a message with its bytes. body is where its body begins: behind the headers of an HTTP message, at 0 in others.
type framed struct {
	Message
	raw     []byte
	body    int
	request *wire.Message
}

// call is what an HTTP answer has to know of its request.
type call struct{ method, path string }

// maxMessage bounds what is taken for one message, so that what is no LDAP does not fill the memory.
const maxMessage = 64 << 20

// read waits for the next message of one direction.
func (l *link) read(direction Direction, r *bufio.Reader) (framed, error) {
	m, err := l.readMode(direction, r)
	m.Conn, m.Direction, m.Size = l.number, direction, len(m.raw)
	return m, err
}

func (l *link) readMode(direction Direction, r *bufio.Reader) (framed, error) {
	switch {
	case l.proxy.mode == LDAP:
		return readLDAP(direction, r)
	case l.proxy.mode == HTTP && direction == ToServer:
		return l.readCall(r)
	case l.proxy.mode == HTTP:
		return l.readReply(r)
	}
	return readBytes(r)
}

// readBytes takes what is there.
func readBytes(r *bufio.Reader) (framed, error) {
	if _, err := r.Peek(1); err != nil {
		return framed{}, err
	}
	raw := make([]byte, r.Buffered())
	_, err := io.ReadFull(r, raw)
	return framed{Message: Message{Kind: Bytes}, raw: raw}, err
}

// readLDAP takes one LDAP message: a sequence with its length (RFC 4511, 5.1).
func readLDAP(direction Direction, r *bufio.Reader) (framed, error) {
	header, length, err := readHeader(r)
	if err != nil {
		return framed{}, err
	}
	raw := make([]byte, len(header)+length)
	copy(raw, header)
	if _, err := io.ReadFull(r, raw[len(header):]); err != nil {
		return framed{}, err
	}
	m := framed{Message: Message{Kind: OtherLDAP}, raw: raw}
	packet, err := ber.DecodePacketErr(raw)
	if err != nil || len(packet.Children) < 2 {
		return m, nil // what is no LDAP passes as it is
	}
	m.ID, _ = packet.Children[0].Value.(int64)
	m.Kind = kindOf(int(packet.Children[1].Tag))
	if direction == ToServer {
		m.decode(packet)
		return m, nil
	}
	if fields := packet.Children[1].Children; len(fields) > 0 {
		code, _ := fields[0].Value.(int64)
		m.Code = int(code)
	}
	return m, nil
}

// decode understands a request; what cannot be decoded passes without an operation.
func (m *framed) decode(packet *ber.Packet) {
	request, err := wire.Decode(packet)
	if err == nil {
		m.request, m.Operation = request, request.Operation
	}
}

// readHeader takes a BER tag and a definite length, of up to four bytes.
func readHeader(r *bufio.Reader) (header []byte, length int, err error) {
	header = make([]byte, 2, 6)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, 0, err
	}
	if header[1] < 0x80 {
		return header, int(header[1]), nil
	}
	count := int(header[1] & 0x7f)
	if count < 1 || count > 4 {
		return nil, 0, fmt.Errorf("no LDAP: a length of %d bytes", count)
	}
	var long [4]byte
	if _, err := io.ReadFull(r, long[4-count:]); err != nil {
		return nil, 0, err
	}
	length = int(binary.BigEndian.Uint32(long[:]))
	if length > maxMessage {
		return nil, 0, fmt.Errorf("an LDAP message of %d bytes", length)
	}
	return append(header, long[4-count:]...), length, nil
}

// readCall takes one HTTP request, whole.
func (l *link) readCall(r *bufio.Reader) (framed, error) {
	request, err := http.ReadRequest(r)
	if err != nil {
		return framed{}, err
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return framed{}, err
	}
	l.mu.Lock()
	l.calls = append(l.calls, call{request.Method, request.URL.Path})
	l.mu.Unlock()
	first := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n", request.Method, request.RequestURI, request.Host)
	m, err := compose(first, request.Header, len(request.TransferEncoding) > 0, body)
	m.Kind, m.Method, m.Path = Call, request.Method, request.URL.Path
	return m, err
}

// readReply takes one HTTP answer, whole.
func (l *link) readReply(r *bufio.Reader) (framed, error) {
	if _, err := r.Peek(1); err != nil {
		return framed{}, err
	}
	of, err := l.answered()
	if err != nil {
		return framed{}, err
	}
	response, err := http.ReadResponse(r, &http.Request{Method: of.method})
	if err != nil {
		return framed{}, err
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return framed{}, err
	}
	m, err := compose("HTTP/1.1 "+response.Status+"\r\n", response.Header, len(response.TransferEncoding) > 0, body)
	m.Kind, m.Method, m.Path, m.Code = Reply, of.method, of.path, response.StatusCode
	return m, err
}

// answered takes the request that the next answer is for: HTTP/1.1 answers in order.
func (l *link) answered() (call, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.calls) == 0 {
		return call{}, errors.New("an HTTP answer that nobody asked for")
	}
	first := l.calls[0]
	l.calls = l.calls[1:]
	return first, nil
}

// compose puts an HTTP message together again. A body that came in chunks goes on as one chunk.
func compose(first string, header http.Header, chunked bool, body []byte) (framed, error) {
	var raw bytes.Buffer
	raw.WriteString(first)
	if err := header.Write(&raw); err != nil {
		return framed{}, err
	}
	if !chunked {
		raw.WriteString("\r\n")
		m := framed{body: raw.Len()}
		raw.Write(body)
		m.raw = raw.Bytes()
		return m, nil
	}
	raw.WriteString("Transfer-Encoding: chunked\r\n\r\n")
	m := framed{body: raw.Len()}
	if len(body) > 0 {
		fmt.Fprintf(&raw, "%x\r\n%s\r\n", len(body), body)
	}
	raw.WriteString("0\r\n\r\n")
	m.raw = raw.Bytes()
	return m, nil
}
