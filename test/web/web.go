// Package web sends HTTP requests for tests.
package web

import (
	"io"
	"net/http"
	"testing"
)

// Get returns the status and the body of a URL's answer. The connection ends with the answer, so that a stopping server
// does not wait for it.
func Get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	return Ask(t, http.MethodGet, url)
}

// Ask is Get with another method.
func Ask(t *testing.T, method, url string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(content)
}
