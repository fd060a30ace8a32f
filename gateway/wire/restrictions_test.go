package wire_test

import (
	"testing"

	"galatea/gateway/wire"
)

func TestRestrictionsAskForTheirHeader(t *testing.T) {
	r, err := wire.ParseRestrictions([]string{"model-repository, logging:admin=s3=cret", "health:probe=p"}, "x-")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		category wire.Category
		sent     map[string]string
		want     string
	}{
		{wire.CategoryInference, nil, ""},
		{wire.CategoryLogging, nil, "x-admin"},
		{wire.CategoryLogging, map[string]string{"x-admin": "s3"}, "x-admin"},
		{wire.CategoryLogging, map[string]string{"x-admin": "s3=cret"}, ""},
		{wire.CategoryModelRepository, map[string]string{"x-probe": "p"}, "x-admin"},
		{wire.CategoryHealth, map[string]string{"x-probe": "p"}, ""},
	} {
		if got := r.Missing(tt.category, func(header string) string { return tt.sent[header] }); got != tt.want {
			t.Errorf("%+v: got %q", tt, got)
		}
	}
	if got := wire.Restrictions(nil).Missing(wire.CategoryHealth, nil); got != "" {
		t.Error(got)
	}
}

func TestRestrictionsThatCannotBeReadAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"health":                  `"health": expected CATEGORY[,CATEGORY...]:HEADER=VALUE`,
		"health:key":              `"health:key": expected CATEGORY[,CATEGORY...]:HEADER=VALUE`,
		"health:=v":               `"health:=v": expected CATEGORY[,CATEGORY...]:HEADER=VALUE`,
		"health:k=":               `"health:k=": expected CATEGORY[,CATEGORY...]:HEADER=VALUE`,
		"all:k=v":                 `"all:k=v": unknown category "all": expected one of [health metadata inference shared-memory model-config model-repository statistics trace logging]`,
		"health,trace,health:k=v": `"health,trace,health:k=v": the category "health" is restricted already`,
	} {
		if _, err := wire.ParseRestrictions([]string{text}, ""); err == nil || err.Error() != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}
