package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// childFlag is the hidden argument that makes the program one of its parts; the
// part's name follows.
const childFlag = "-child"

// part is the child's side: what answers the parent's questions.
type part interface {
	// answer does what is asked and returns what is encoded as the reply.
	answer(ctx context.Context, what string, args json.RawMessage) (any, error)
	close() error
}

// starters make the parts by name. The second result is sent to the parent.
func starters() map[string]func(ctx context.Context, setup json.RawMessage) (part, any, error) {
	return map[string]func(ctx context.Context, setup json.RawMessage) (part, any, error){
		"gateway": startGateway,
		"echo":    startEcho,
		"plain":   startPlain,
		"load":    startLoad,
	}
}

// A question and its reply are each one JSON value, on the child's standard input
// and output.
type question struct {
	What string
	Args json.RawMessage
}

type reply struct {
	Error string
	Value json.RawMessage
}

// beChild answers questions until the input ends. The first value on it is the
// part's setup.
func beChild(ctx context.Context, name string) error {
	in, out := json.NewDecoder(bufio.NewReaderSize(os.Stdin, 1<<20)), json.NewEncoder(os.Stdout)
	start, ok := starters()[name]
	if !ok {
		return fmt.Errorf("no part %q", name)
	}
	var setup json.RawMessage
	if err := in.Decode(&setup); err != nil {
		return err
	}
	p, hello, err := start(ctx, setup)
	if sendErr := send(out, hello, err); err != nil || sendErr != nil {
		return errors.Join(err, sendErr)
	}
	for {
		var q question
		if err := in.Decode(&q); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return errors.Join(err, p.close())
		}
		value, err := p.answer(ctx, q.What, q.Args)
		if err := send(out, value, err); err != nil {
			return errors.Join(err, p.close())
		}
	}
}

func send(out *json.Encoder, value any, err error) error {
	var r reply
	if err == nil {
		r.Value, err = json.Marshal(value)
	}
	if err != nil {
		r.Error = err.Error()
	}
	return out.Encode(r)
}

// child is the parent's side of a part.
type child struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	in    *json.Decoder
	out   *json.Encoder
}

// startChild starts a part and waits until it is ready; hello receives what it
// says then. The end of ctx kills it.
func startChild(ctx context.Context, name string, setup, hello any) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{name: name, cmd: exec.CommandContext(ctx, program, childFlag, name)}
	c.cmd.Stderr = os.Stderr
	c.cmd.WaitDelay = time.Second
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	c.in, c.out = json.NewDecoder(stdout), json.NewEncoder(c.stdin)
	err = c.out.Encode(setup)
	if err == nil {
		err = c.receive(hello)
	}
	if err != nil {
		return nil, fmt.Errorf("start the %s: %w", name, errors.Join(err, c.stop()))
	}
	return c, nil
}

// ask sends a question and waits for its answer.
func (c *child) ask(what string, args, value any) error {
	raw, err := json.Marshal(args)
	if err == nil {
		err = c.out.Encode(question{what, raw})
	}
	if err == nil {
		err = c.receive(value)
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", c.name, what, err)
	}
	return nil
}

func (c *child) receive(value any) error {
	var r reply
	if err := c.in.Decode(&r); err != nil {
		return err
	}
	if r.Error != "" {
		return errors.New(r.Error)
	}
	if value == nil {
		return nil
	}
	return json.NewDecoder(strings.NewReader(string(r.Value))).Decode(value)
}

// stop ends the part and waits for it.
func (c *child) stop() error {
	_ = c.stdin.Close()
	return c.cmd.Wait()
}
