package shm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// Region is a part of a shared memory object.
type Region struct {
	Name   string // by which requests know it
	Key    string // the object's name, as shm_open(3) takes it
	Offset uint64 // where in the object it begins
	Size   uint64 // in bytes
}

// Errors of a Regions.
var (
	// ErrExists says that a region of that name is there already.
	ErrExists = errors.New("shared memory region exists")
	// ErrTooMany says that there are as many regions as there may be.
	ErrTooMany = errors.New("too many shared memory regions")
	// ErrUnknown says that there is no region of that name.
	ErrUnknown = errors.New("unknown shared memory region")
	// ErrOpen says that the object cannot be opened. It is wrapped with the reason.
	ErrOpen = errors.New("cannot open shared memory")
	// ErrSize says that the object ends before the region does.
	ErrSize = errors.New("shared memory object is too small")
	// ErrOffset says that an access would begin behind the region's end.
	ErrOffset = errors.New("offset lies outside of the shared memory region")
	// ErrRange says that an access would end behind the region's end.
	ErrRange = errors.New("access ends outside of the shared memory region")
)

// folder is where Linux shows shared memory objects as files.
const folder = "/dev/shm"

// MostRegions is how many regions there may be: each keeps a file open.
const MostRegions = 4096

// Regions is the shared memory that is registered. Its zero value has none.
type Regions struct {
	mu  sync.RWMutex
	all map[string]*open
}

type open struct {
	Region
	file *os.File
}

// Register makes a part of an object known by a name. The object must be there.
func (r *Regions) Register(region Region) error {
	end := region.Offset + region.Size
	if end < region.Offset || end > 1<<62 {
		return ErrSize
	}
	file, err := openObject(region.Key)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		err = fmt.Errorf("%w: %w", ErrOpen, err)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%w: %q is no shared memory object", ErrOpen, region.Key)
	case uint64(info.Size()) < end:
		err = ErrSize
	default:
		err = r.add(&open{region, file})
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	return nil
}

func (r *Regions) add(o *open) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.all[o.Name] != nil:
		return ErrExists
	case len(r.all) >= MostRegions:
		return ErrTooMany
	case r.all == nil:
		r.all = map[string]*open{}
	}
	r.all[o.Name] = o
	return nil
}

// openObject opens a shared memory object that is there, as shm_open(3) does: its name
// may begin with a slash and has no other. It follows no link, and does not wait for
// the other end of a pipe.
func openObject(key string) (*os.File, error) {
	name := strings.TrimPrefix(key, "/")
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return nil, fmt.Errorf("%w: %q is no name of an object", ErrOpen, key)
	}
	file, err := os.OpenFile(folder+"/"+name, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOpen, err)
	}
	return file, nil
}

// Unregister forgets a region. Whoever uses it at the moment does so to the end.
func (r *Regions) Unregister(name string) error {
	r.mu.Lock()
	o := r.all[name]
	delete(r.all, name)
	r.mu.Unlock()
	if o == nil {
		return nil
	}
	return o.file.Close()
}

// UnregisterAll forgets all regions.
func (r *Regions) UnregisterAll() error {
	r.mu.Lock()
	all := r.all
	r.all = nil
	r.mu.Unlock()
	var err error
	for _, o := range all {
		err = errors.Join(err, o.file.Close())
	}
	return err
}

// List returns all regions by their names, or the one of that name; ErrUnknown where
// there is none.
func (r *Regions) List(name string) ([]Region, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if name != "" {
		o := r.all[name]
		if o == nil {
			return nil, ErrUnknown
		}
		return []Region{o.Region}, nil
	}
	list := make([]Region, 0, len(r.all))
	for _, o := range r.all {
		list = append(list, o.Region)
	}
	slices.SortFunc(list, func(a, b Region) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Check returns nil when size bytes at the offset lie within the region.
func (r *Regions) Check(name string, offset, size uint64) error {
	_, err := r.find(name, offset, size)
	return err
}

func (r *Regions) find(name string, offset, size uint64) (*open, error) {
	r.mu.RLock()
	o := r.all[name]
	r.mu.RUnlock()
	switch {
	case o == nil:
		return nil, ErrUnknown
	case offset >= o.Size:
		return nil, ErrOffset
	case size > o.Size-offset:
		return nil, ErrRange
	}
	return o, nil
}

// Read fills to from the offset of a region on.
func (r *Regions) Read(name string, offset uint64, to []byte) error {
	o, err := r.find(name, offset, uint64(len(to)))
	if err != nil {
		return err
	}
	_, err = o.file.ReadAt(to, int64(o.Offset+offset))
	return gone(err)
}

// Write copies from to the offset of a region.
func (r *Regions) Write(name string, offset uint64, from []byte) error {
	o, err := r.find(name, offset, uint64(len(from)))
	if err != nil {
		return err
	}
	_, err = o.file.WriteAt(from, int64(o.Offset+offset))
	return gone(err)
}

// gone says what an access to a region means that was there a moment ago.
func gone(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return ErrSize // its owner has cut it
	case errors.Is(err, os.ErrClosed):
		return ErrUnknown // it was unregistered
	default:
		return err
	}
}
