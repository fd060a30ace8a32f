//go:build !linux

package loadclient

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// poller waits for many sockets with poll(2), which every Unix has. It costs more
// for many connections than Linux's epoll.
type poller struct{ fds []unix.PollFd }

func newPoller(sockets int) (*poller, error) {
	p := &poller{fds: make([]unix.PollFd, sockets)}
	for i := range p.fds {
		p.fds[i].Fd = -1
	}
	return p, nil
}

// add watches a socket, which wait calls by index.
func (p *poller) add(fd, index int) error {
	p.fds[index] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	return nil
}

// sending says whether the socket waits for room to send.
func (p *poller) sending(index int, on bool) {
	p.fds[index].Events = unix.POLLIN
	if on {
		p.fds[index].Events = unix.POLLIN | unix.POLLOUT
	}
}

// remove forgets a socket, before it is closed.
func (p *poller) remove(_, index int) { p.fds[index].Fd = -1 }

// wait appends the indices of the sockets with news to ready, after at most the
// given time, rounded up to milliseconds.
func (p *poller) wait(atMost time.Duration, ready []int) ([]int, error) {
	ms := int((atMost + time.Millisecond - 1) / time.Millisecond)
	if _, err := unix.Poll(p.fds, ms); err != nil {
		if errors.Is(err, unix.EINTR) {
			return ready, nil
		}
		return ready, os.NewSyscallError("poll", err)
	}
	for i := range p.fds {
		if p.fds[i].Fd >= 0 && p.fds[i].Revents != 0 {
			ready = append(ready, i)
		}
	}
	return ready, nil
}

func (p *poller) close() {}
