// Package client is how trimtab's commands speak to a running trimtab.
//
//	command ─▶ Client ─▶ http://ADDR/api/v1/… (trimtab run, package web)
//
// The package is not for what the answers mean.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/printable"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/token"
)

const (
	// timeout bounds a request, of a stream only its beginning, where its context
	// has no nearer deadline.
	timeout = 5 * time.Second
	// maxAnswer is room for a hundred thousand backends.
	maxAnswer = 128 << 20
	// maxLine bounds an event.
	maxLine = 1 << 20
)

// Client speaks to the trimtab at one address. The zero Token shows none.
type Client struct {
	// Addr is host:port or a URL.
	Addr  string
	Token token.Flag
}

// Get reads the JSON at a path into out.
func (c Client) Get(ctx context.Context, path string, out any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return c.do(ctx, http.MethodGet, path, nil, func(r io.Reader) error { return c.decode(r, out) })
}

// Post sends in as JSON and reads the answer into out.
func (c Client) Post(ctx context.Context, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPost, path, body, func(r io.Reader) error { return c.decode(r, out) })
}

// Stream calls each with the data of each server-sent event at a path, until the
// server ends the stream, ctx ends or each fails.
func (c Client) Stream(ctx context.Context, path string, each func(data []byte) error) error {
	return c.do(ctx, http.MethodGet, path, nil, func(r io.Reader) error {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, maxLine)
		for lines.Scan() {
			data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
			if !ok {
				continue
			}
			if err := each(data); err != nil {
				return err
			}
		}
		return lines.Err()
	})
}

// Read hands what is at a path to read as it comes, until the server ends it, ctx ends
// or read returns.
func (c Client) Read(ctx context.Context, path string, read func(io.Reader) error) error {
	return c.do(ctx, http.MethodGet, path, nil, read)
}

func (c Client) decode(r io.Reader, out any) error {
	if err := json.NewDecoder(io.LimitReader(r, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("the answer is not trimtab's: %w", err)
	}
	return nil
}

func (c Client) do(ctx context.Context, method, path string, body []byte, read func(io.Reader) error) error {
	err := c.try(ctx, method, path, body, read)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("trimtab at %s: %w: is it running there? see --addr and admin.listen", c.Addr, syscall.ECONNREFUSED)
	default:
		return fmt.Errorf("trimtab at %s: %w", c.Addr, err)
	}
}

func (c Client) try(ctx context.Context, method, path string, body []byte, read func(io.Reader) error) error {
	base := strings.TrimSuffix(c.Addr, "/")
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	request, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if err := c.Token.Authorize(request); err != nil {
		return err
	}
	// The address is meant as it is: no proxy from the environment.
	transport := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: timeout}).DialContext,
		ResponseHeaderTimeout: timeout,
	}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return refusal(method, path, response)
	}
	return read(response.Body)
}

// refusal is what an answer says that is none.
func refusal(method, path string, response *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(text, &said) == nil && said.Error != "" {
		return errors.New(printable.Line(said.Error))
	}
	return errors.Join(fmt.Errorf("%s %s: %s: %s", method, path, response.Status, printable.Line(string(text))), err)
}
