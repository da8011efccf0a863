package cluster

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// rebootLimit is how long a node may take to be back: firmware of large machines is slow.
const rebootLimit = 15 * time.Minute

// Reboot reboots a node and returns when the API server has it Ready under another boot ID.
// Everything that ran there has ended by then.
func (c *Cluster) Reboot(ctx context.Context, access *Access, name string) error {
	start := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, rebootLimit, fmt.Errorf("%v have passed", rebootLimit))
	defer cancel()
	before, err := c.Client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("node %s: %w", name, err)
	}
	if _, err := access.Run(ctx, name, "systemctl", "--no-block", "reboot"); err != nil {
		return fmt.Errorf("rebooting node %s: %w", name, err)
	}
	err = poll(ctx, func(ctx context.Context) error {
		now, err := c.Client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		return rebooted(before, now)
	})
	if err != nil {
		return fmt.Errorf("node %s was told to reboot and is not back after %v: %w", name, time.Since(start).Round(time.Second), err)
	}
	return nil
}

// rebooted says what a node still lacks to be back after a reboot.
func rebooted(before, now *corev1.Node) error {
	if before.Status.NodeInfo.BootID == now.Status.NodeInfo.BootID {
		return fmt.Errorf("it still has boot ID %s", now.Status.NodeInfo.BootID)
	}
	for _, c := range now.Status.Conditions {
		if c.Type == corev1.NodeReady && c.Status != corev1.ConditionTrue {
			return fmt.Errorf("it is not ready: %s", c.Message)
		}
	}
	return nil
}
