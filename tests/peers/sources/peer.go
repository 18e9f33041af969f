// A TLS partner from Go's standard library. Arguments and habits: see tests/peers/partners.py, "Programs of ours".
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
)

const size = 258

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	role, host, port, name, version := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	ca, cert, key := os.Args[6], os.Args[7], os.Args[8]
	wire := map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}[version]
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(ca)
	must(err)
	pool.AppendCertsFromPEM(pem)
	config := &tls.Config{MinVersion: wire, MaxVersion: wire, RootCAs: pool, ClientCAs: pool, ServerName: name}
	if cert != "-" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		must(err)
		config.Certificates = []tls.Certificate{pair}
		// Show it whatever authorities the server names.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	where := net.JoinHostPort(host, port)
	if role == "client" {
		data := make([]byte, size)
		_, err := io.ReadFull(os.Stdin, data)
		must(err)
		connection, err := tls.Dial("tcp", where, config)
		must(err)
		_, err = connection.Write(data)
		must(err)
		_, err = connection.Read(make([]byte, 1)) // the server's end, or its alert
		if err != io.EOF {
			must(err)
		}
		return
	}
	if os.Args[9] == "demand" {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	listener, err := tls.Listen("tcp", where, config)
	must(err)
	fmt.Println("READY")
	connection, err := listener.Accept()
	must(err)
	_, err = io.Copy(os.Stdout, connection)
	must(err)
}
