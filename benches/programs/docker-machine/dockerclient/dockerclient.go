// Package dockerclient stands in for a module that can no longer be had. docker-machine's `create`, `ls` and `version` need
// it, `env` does not: so it only says that it is not there.
package dockerclient

import (
	"crypto/tls"
	"errors"
)

type (
	// DockerClient is a connection to Docker, which is never made.
	DockerClient struct{}
	// AuthConfig is for a registry.
	AuthConfig struct{}
	// PortBinding is a port of the host.
	PortBinding struct{ HostIp, HostPort string }
	// RestartPolicy is what happens when a container ends.
	RestartPolicy struct {
		Name              string
		MaximumRetryCount int64
	}
	// HostConfig is what a container has of the host.
	HostConfig struct {
		RestartPolicy RestartPolicy
		Binds         []string
		PortBindings  map[string][]PortBinding
	}
	// ContainerConfig is what a container runs.
	ContainerConfig struct {
		Image        string
		Env, Cmd     []string
		ExposedPorts map[string]struct{}
		HostConfig   HostConfig
	}
	// Version is Docker's.
	Version struct{ Version string }
)

var errAbsent = errors.New("this docker-machine was built without its client for Docker")

func NewDockerClient(string, *tls.Config) (*DockerClient, error) { return nil, errAbsent }

func (*DockerClient) PullImage(string, *AuthConfig) error { return errAbsent }

func (*DockerClient) CreateContainer(*ContainerConfig, string, *AuthConfig) (string, error) {
	return "", errAbsent
}

func (*DockerClient) StartContainer(string, *HostConfig) error { return errAbsent }

func (*DockerClient) Version() (*Version, error) { return nil, errAbsent }
