// The definitions of OpenShift's API for the test guest. Nothing is built from it.
module openshift-api

go 1.26.0

require github.com/openshift/api v0.0.0-20251015095338-264e80a2b6e7
