// A peer of the yardstick: Go's standard reverse proxy, routed by X-Sandbox-ID over a table in memory.
//
// Arguments: ADDRESS TLS-ADDRESS CERTIFICATE KEY MAP, the map with a line "sbN ADDRESS:PORT" for each sandbox.
package main

import (
	"bufio"
	"log"
	"net/http"
	"net/http/httputil"
	"os"
	"strings"
	"sync"
	"time"
)

const copyBytes = 32 << 10

type bufferPool struct{ pool sync.Pool }

func (b *bufferPool) Get() []byte     { return b.pool.Get().([]byte) }
func (b *bufferPool) Put(data []byte) { b.pool.Put(data) }

func readTable(path string) map[string]string {
	file, err := os.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	table := map[string]string{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if words := strings.Fields(lines.Text()); len(words) == 2 {
			table[words[0]] = words[1]
		}
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
	return table
}

func main() {
	if len(os.Args) != 6 {
		log.Fatal("usage: go-reverse-proxy ADDRESS TLS-ADDRESS CERTIFICATE KEY MAP")
	}
	address, tlsAddress, certificate, key := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	table := readTable(os.Args[5])
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme = "http"
			r.Out.URL.Host = table[r.In.Header.Get("X-Sandbox-Id")]
		},
		// Without these the pool is too small for 64 connections to one sandbox, and each copy allocates.
		Transport: &http.Transport{
			MaxIdleConns:        16384,
			MaxIdleConnsPerHost: 256,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true,
			ReadBufferSize:      copyBytes,
			WriteBufferSize:     copyBytes,
		},
		BufferPool: &bufferPool{sync.Pool{New: func() any { return make([]byte, copyBytes) }}},
	}
	go func() {
		log.Fatal((&http.Server{Addr: tlsAddress, Handler: proxy}).ListenAndServeTLS(certificate, key))
	}()
	log.Fatal((&http.Server{Addr: address, Handler: proxy}).ListenAndServe())
}
