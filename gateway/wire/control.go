package wire

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"galatea/infer"
	"galatea/repository"
)

// Override is a model that a caller sends along with a load.
type Override struct {
	Config  []byte            // its config.yaml, or the same in JSON, or Triton's
	Files   map[string][]byte // by their paths in its folder, VERSION/NAME; none: those of the repository
	Persist bool              // keep it over a restart
}

// Control loads and unloads models on request.
//
//nolint:interfacebloat // one thing with four verbs
type Control interface {
	Load(ctx context.Context, name string) error
	LoadWith(ctx context.Context, name string, o Override) error
	Reload(ctx context.Context, name string) error
	Unload(ctx context.Context, name string) error
}

// Load is a request to load a model: as its folder has it, or as it comes along.
type Load struct {
	Override // without Config there is none
	Force    bool
}

// Check returns what contradicts itself.
func (l *Load) Check() error {
	if l.Config == nil && (l.Files != nil || l.Persist) {
		return Invalid("Load parameter 'config' must be specified for model file override")
	}
	return nil
}

// Load loads a model and returns when it is ready, or has failed.
func (s *Service) Load(ctx context.Context, name string, l Load) error {
	err := checkName(name)
	if err == nil {
		err = l.Check()
	}
	switch {
	case err != nil:
		return err
	case l.Config != nil:
		err = s.o.Control.LoadWith(ctx, name, l.Override)
	case l.Force:
		err = s.o.Control.Reload(ctx, name)
	default:
		err = s.o.Control.Load(ctx, name)
	}
	return controlError(name, err)
}

// Unload begins to unload a model, and does not wait for requests in flight.
func (s *Service) Unload(ctx context.Context, name string) error {
	return controlError(name, s.o.Control.Unload(ctx, name))
}

// ErrOnlyExplicit is what Triton says in the modes none and poll. Trying again is of no use.
var ErrOnlyExplicit = Unavailable("explicit model load / unload is not allowed if polling is enabled")

// controlError says in Triton's words why a load or unload failed.
func controlError(name string, err error) error {
	var failed *repository.LoadError
	switch {
	case errors.Is(err, repository.ErrMode):
		return ErrOnlyExplicit
	case errors.Is(err, infer.ErrUnknownModel):
		return Failed("failed to load '%s', failed to poll from model repository", name)
	case errors.As(err, &failed):
		return Invalid("%s", err.Error())
	default:
		return err
	}
}

// checkName refuses names that no folder of a repository can have.
func checkName(name string) error {
	if name == "" {
		return Invalid("Model name cannot be empty. Please enter a valid name to deploy.")
	}
	if strings.Contains(name, "..") || strings.ContainsAny(name, `/\`) || strings.HasPrefix(name, ".") {
		return Invalid("invalid model name '%s', model name must not contain path traversal characters", name)
	}
	return nil
}

// IndexRow is a row of the repository's index. A model that nobody has asked for has its
// name only.
type IndexRow struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	State   string `json:"state,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// RepositoryIndex lists everything that is known, or what is ready. Triton's clients may
// name a repository; there is but one here, which has no name.
func (s *Service) RepositoryIndex(repositoryName string, readyOnly bool) ([]IndexRow, error) {
	if err := checkRepository(repositoryName); err != nil {
		return nil, err
	}
	rows := []IndexRow{}
	for _, status := range s.o.Models.Index() {
		if readyOnly && status.State != repository.StateReady {
			continue
		}
		row := IndexRow{Name: status.Name, State: status.State, Reason: status.Reason}
		if status.Version != 0 {
			row.Version = strconv.FormatInt(status.Version, 10)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// checkRepository refuses a repository by name.
func checkRepository(name string) error {
	if name != "" {
		return ErrRepositoryName
	}
	return nil
}

// ErrRepositoryName says that repositories have no names here.
var ErrRepositoryName = Unsupported("'repository_name' specification is not supported")
