package loadclient

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// ErrAddress says that an address is not one of this machine's own.
var ErrAddress = errors.New("not a loopback address")

// parseAddress reads an IP address and a port; names are refused, since what they
// stand for can change.
func parseAddress(address string) (netip.AddrPort, error) {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: %q: %w", ErrAddress, address, err)
	}
	if !a.Addr().Unmap().IsLoopback() {
		return netip.AddrPort{}, fmt.Errorf("%w: %q", ErrAddress, address)
	}
	return a, nil
}

// dial returns a connected socket that does not block.
func dial(a netip.AddrPort) (fd int, err error) {
	var to unix.Sockaddr = &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().Unmap().As4()}
	family := unix.AF_INET
	if a.Addr().Unmap().Is6() {
		family, to = unix.AF_INET6, &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	unix.CloseOnExec(fd)
	for err = unix.Connect(fd, to); errors.Is(err, unix.EINTR); {
		err = unix.Connect(fd, to)
	}
	if err == nil {
		err = errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1), unix.SetNonblock(fd, true))
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("connect to %v: %w", net.TCPAddrFromAddrPort(a), err)
	}
	return fd, nil
}

// again reports whether the socket could do no more just now.
func again(err error) bool { return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) }
