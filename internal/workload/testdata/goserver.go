// A small server in Go: goserver ADDRESS DIRECTORY. A request for /stop ends it.
package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		panic(err)
	}
	stop := make(chan bool)
	http.HandleFunc("/stop", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "stopping\n")
		close(stop)
	})
	http.Handle("/", http.FileServer(http.Dir(os.Args[2])))
	go http.Serve(listener, nil)
	<-stop
	time.Sleep(100 * time.Millisecond)
}
