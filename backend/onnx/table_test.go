package onnx_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The places in the runtime's function table that runtime.c uses are those of the
// binding's header.
func TestFunctionTablePlaces(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/yalue/onnxruntime_go").Output()
	if err != nil {
		t.Fatal(err)
	}
	header, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "onnxruntime_c_api.h"))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`#define ORT_API_VERSION 29\n`).Match(header) {
		t.Error("the binding's header is of another version than the one that we ask the library for")
	}
	source, err := os.ReadFile("runtime.c")
	if err != nil {
		t.Fatal(err)
	}
	members := tableMembers(t, string(header))
	places := regexp.MustCompile(`AT_(\w+) = (\d+)`).FindAllStringSubmatch(string(source), -1)
	if len(places) == 0 {
		t.Fatal("runtime.c names no places")
	}
	for _, p := range places {
		want, err := strconv.Atoi(p[2])
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Index(members, p[1]); got != want {
			t.Errorf("%s is at %d, runtime.c says %d", p[1], got, want)
		}
	}
}

// tableMembers lists the functions of struct OrtApi in order.
func tableMembers(t *testing.T, header string) []string {
	t.Helper()
	_, body, found := strings.Cut(header, "struct OrtApi {")
	if !found {
		t.Fatal("the header has no struct OrtApi")
	}
	body = regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAllString(body, "")
	body = regexp.MustCompile(`//[^\n]*`).ReplaceAllString(body, "")
	body, _, _ = strings.Cut(body, "\n};")
	var names []string
	for _, m := range regexp.MustCompile(`ORT_API2_STATUS\(\s*(\w+)|ORT_CLASS_RELEASE2?\(\s*(\w+)\)|\(\s*ORT_API_CALL\s*\*\s*(\w+)\s*\)|ORT_API_T\([^,]*,\s*(\w+)`).FindAllStringSubmatch(body, -1) {
		name := m[1] + m[3] + m[4]
		if m[2] != "" {
			name = "Release" + m[2]
		}
		names = append(names, name)
	}
	return names
}
