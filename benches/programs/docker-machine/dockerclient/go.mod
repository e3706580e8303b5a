module github.com/samalba/dockerclient

go 1.26
