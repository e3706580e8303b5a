// What `k3sup get-config` does, in the language and with the SSH library that it uses: one session that prints the
// kubeconfig of k3s, the address in it replaced, the file written. As there, neither the host key nor the server is
// verified. For where k3sup itself cannot be had.
//
//	get-config HOST USER KEY FILE
package main

import (
	"bytes"
	"log"
	"net"
	"os"

	"golang.org/x/crypto/ssh"
)

func main() {
	host, user, key, file := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	config, err := kubeconfig(host, user, key)
	if err == nil {
		config = bytes.ReplaceAll(config, []byte("127.0.0.1"), []byte(host))
		err = os.WriteFile(file, config, 0o600)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func kubeconfig(host, user, key string) ([]byte, error) {
	text, err := os.ReadFile(key)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, err
	}
	client, err := ssh.Dial("tcp", net.JoinHostPort(host, "22"), &ssh.ClientConfig{
		User:            user,
		Auth:            []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return nil, err
	}
	defer session.Close()
	return session.Output("sudo cat /etc/rancher/k3s/k3s.yaml")
}
