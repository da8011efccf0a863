package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	osexec "os/exec"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
)

// Stream runs a command in a container until it ends. What it says on stderr is an error.
func (c *Cluster) Stream(ctx context.Context, namespace, pod, container string, command []string, stdin io.Reader, stdout io.Writer) error {
	var stderr bytes.Buffer
	err := c.Exec(ctx, namespace, pod, container, command, stdin, stdout, &stderr)
	if text := strings.TrimSpace(stderr.String()); text != "" {
		err = errors.Join(err, errors.New(text))
	}
	if status, ok := ExitStatus(err); ok {
		return fmt.Errorf("%s in %s/%s ended with status %d: %w", command[0], namespace, pod, status, err)
	}
	return err
}

// Exec runs a command in a container until it ends, by WebSocket where the API server
// speaks it and else by SPDY. Exec enters through the kubelet: no NetworkPolicy cuts it.
// The exit status of a command that failed is in the error, for ExitStatus.
func (c *Cluster) Exec(ctx context.Context, namespace, pod, container string, command []string, stdin io.Reader, stdout, stderr io.Writer) error {
	request := c.Client.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{
			Container: container, Command: command, Stdin: stdin != nil, Stdout: true, Stderr: true,
		}, scheme.ParameterCodec)
	spdy, err := remotecommand.NewSPDYExecutor(c.Config, "POST", request.URL())
	if err != nil {
		return fmt.Errorf("exec in %s/%s: %w", namespace, pod, err)
	}
	socket, err := remotecommand.NewWebSocketExecutor(c.Config, "GET", request.URL().String())
	if err != nil {
		return fmt.Errorf("exec in %s/%s: %w", namespace, pod, err)
	}
	executor, err := remotecommand.NewFallbackExecutor(socket, spdy, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
	if err != nil {
		return fmt.Errorf("exec in %s/%s: %w", namespace, pod, err)
	}
	return executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: stdin, Stdout: stdout, Stderr: stderr})
}

// ExitStatus finds in an error with which status a command ended, on this machine or in a
// container. ok is false for all other errors.
func ExitStatus(err error) (status int, ok bool) {
	var here *osexec.ExitError
	if errors.As(err, &here) {
		return here.ExitCode(), true
	}
	var there exec.CodeExitError
	if errors.As(err, &there) {
		return there.Code, true
	}
	return 0, false
}
