package loadclient

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// poller waits for many sockets. It is edge-triggered: a socket is reported when
// something has changed, so nothing need be said before each request.
type poller struct {
	fd     int
	events []unix.EpollEvent
}

func newPoller(sockets int) (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &poller{fd: fd, events: make([]unix.EpollEvent, sockets)}, nil
}

// add watches a socket, which wait calls by index.
func (p *poller) add(fd, index int) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(index)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &event))
}

// sending says whether the socket waits for room to send; it is reported either way.
func (p *poller) sending(int, bool) {}

// remove forgets a socket, before it is closed.
func (p *poller) remove(fd, _ int) {
	_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil)
}

// wait appends the indices of the sockets with news to ready, after at most the
// given time.
func (p *poller) wait(atMost time.Duration, ready []int) ([]int, error) {
	ms := int(atMost.Milliseconds())
	if rest := atMost % time.Millisecond; rest > 0 { // finer than epoll_wait can
		ms = 0
		timeout := unix.NsecToTimespec(atMost.Nanoseconds())
		_, err := unix.Ppoll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, &timeout, nil)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return ready, os.NewSyscallError("ppoll", err)
		}
	}
	n, err := unix.EpollWait(p.fd, p.events, ms)
	if errors.Is(err, unix.EINTR) {
		return ready, nil
	}
	if err != nil {
		return ready, os.NewSyscallError("epoll_wait", err)
	}
	for _, e := range p.events[:n] {
		ready = append(ready, int(e.Fd))
	}
	return ready, nil
}

func (p *poller) close() { _ = unix.Close(p.fd) }
