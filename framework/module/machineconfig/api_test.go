package machineconfig

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"sctp.test/framework/cluster"
)

// server answers with objects by path and keeps what was sent to it.
func server(t *testing.T, objects map[string]string) (*cluster.Cluster, *[]string) {
	t.Helper()
	var sent []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			body, _ := io.ReadAll(r.Body)
			sent = append(sent, fmt.Sprintf("%s %s %s", r.Method, r.URL, body))
		}
		w.Header().Set("Content-Type", "application/json")
		if text, ok := objects[r.Method+" "+r.URL.Path]; ok {
			_, _ = io.WriteString(w, text)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`)
	}))
	t.Cleanup(s.Close)
	config := &rest.Config{Host: s.URL}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return &cluster.Cluster{Client: client, Config: config}, &sent
}

// What an API server of OKD 4.20 sends, with fields that are not read and some that are new.
const poolList = `{"apiVersion":"machineconfiguration.openshift.io/v1","kind":"MachineConfigPoolList","items":[{
  "metadata":{"name":"worker","generation":4,"labels":{"pools.operator.machineconfiguration.openshift.io/worker":""}},
  "spec":{"paused":false,"maxUnavailable":"10%","osImageStream":{"name":"rhel-10"},
    "machineConfigSelector":{"matchLabels":{"machineconfiguration.openshift.io/role":"worker"}},
    "nodeSelector":{"matchLabels":{"node-role.kubernetes.io/worker":""}},
    "configuration":{"name":"rendered-worker-1","source":[{"apiVersion":"machineconfiguration.openshift.io/v1","kind":"MachineConfig","name":"00-worker"},{"name":"load-sctp-module"}]}},
  "status":{"observedGeneration":4,"configuration":{"name":"rendered-worker-0"},"machineCount":2,"readyMachineCount":1,"updatedMachineCount":1,"unavailableMachineCount":1,"degradedMachineCount":0,
    "conditions":[{"type":"Updating","status":"True","reason":"","message":"All nodes are updating to MachineConfig rendered-worker-1","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}]}`

// The operator for Windows labels its nodes as workers, and no daemon annotates them.
const nodeList = `{"kind":"NodeList","apiVersion":"v1","items":[
  {"metadata":{"name":"a","labels":{"kubernetes.io/os":"linux","node-role.kubernetes.io/worker":""},"annotations":{"machineconfiguration.openshift.io/currentConfig":"rendered-worker-0"}},
    "status":{"nodeInfo":{"bootID":"1"},"conditions":[{"type":"Ready","status":"True"}]}},
  {"metadata":{"name":"win","labels":{"kubernetes.io/os":"windows","node-role.kubernetes.io/worker":""}}}]}`

func TestLive(t *testing.T) {
	c, sent := server(t, map[string]string{
		"GET " + poolsPath:             poolList,
		"GET " + versionPath:           `{"status":{"conditions":[{"type":"Progressing","status":"True","reason":"","message":"Working towards 4.21.0"}]}}`,
		"GET " + infraPath:             `{"status":{"controlPlaneTopology":"SingleReplica"}}`,
		"GET " + layersPath:            `{"items":[{"metadata":{"name":"layer"},"spec":{"machineConfigPool":{"name":"worker"}}}]}`,
		"GET /api/v1/nodes":            nodeList,
		"POST " + configsPath:          `{}`,
		"PATCH " + configsPath + "/mc": `{}`,
	})
	api, ctx := Live(c), t.Context()
	pools, err := api.Pools(ctx)
	if err != nil || len(pools) != 1 {
		t.Fatalf("pools %v, %v", pools, err)
	}
	p := pools[0]
	if p.Name() != "worker" || !p.Made("load-sctp-module") || p.Made("other") || p.Target() != "rendered-worker-1" || !p.Selects(role("worker")) || p.Selects(role("master")) {
		t.Errorf("pool %+v", p)
	}
	if why := p.Rested(p.Target()); why != "1 of 2 machines have rendered-worker-1" {
		t.Errorf("it waits for %q", why)
	}
	nodes, err := api.Nodes(ctx)
	if err != nil || len(nodes) != 1 || nodes[0].Name != "a" || nodes[0].BootID != "1" || !nodes[0].Ready || nodes[0].Current() != "rendered-worker-0" {
		t.Errorf("nodes %+v, %v", nodes, err)
	}
	progressing, err1 := api.Progressing(ctx)
	topology, err2 := api.Topology(ctx)
	layers, err3 := api.Layered(ctx)
	if err := errors.Join(err1, err2, err3); err != nil || progressing != "Working towards 4.21.0" || topology != "SingleReplica" || layers["worker"] != "layer" {
		t.Errorf("%q, %q, %v, %v", progressing, topology, layers, err)
	}
	if policies, err := api.Policies(ctx); err != nil || !policies.disruption(AtBoot).Reboot {
		t.Errorf("without the object: %+v, %v", policies, err)
	}
	if config, err := api.Config(ctx, "none"); config != nil || err != nil {
		t.Errorf("a MachineConfig that is not there: %v, %v", config, err)
	}
	if err := errors.Join(api.Create(ctx, []byte(`{"x":1}`)), api.Own(ctx, "mc", "1a2b3"), api.Delete(ctx, "gone")); err != nil {
		t.Error(err)
	}
	want := []string{
		"POST " + configsPath + `?fieldManager=sctp-conformance {"x":1}`,
		"PATCH " + configsPath + `/mc?fieldManager=sctp-conformance {"metadata":{"labels":{"sctp.test/run":"1a2b3"}}}`,
		"DELETE " + configsPath + "/gone ",
	}
	if got := strings.Join(*sent, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("sent\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestPlainKubernetes(t *testing.T) {
	c, _ := server(t, nil)
	_, err := New(Live(c), Options{Say: func(string, ...any) {}}).Enable(t.Context())
	var missing Absent
	if !errors.As(err, &missing) || missing.Reason != "this cluster has no MachineConfigPools (machineconfiguration.openshift.io/v1): only OKD and OpenShift do" {
		t.Errorf("error %v", err)
	}
}

func TestBlocked(t *testing.T) {
	pod := func(name string, change func(*corev1.Pod)) corev1.Pod {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "x", Labels: map[string]string{"app": "db"}}}
		change(&p)
		return p
	}
	yes := true
	pods := []corev1.Pod{
		pod("held", func(*corev1.Pod) {}),
		pod("other", func(p *corev1.Pod) { p.Labels = nil }),
		pod("elsewhere", func(p *corev1.Pod) { p.Namespace = "y" }),
		pod("over", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }),
		pod("daemon", func(p *corev1.Pod) {
			p.OwnerReferences = []metav1.OwnerReference{{Kind: "DaemonSet", Controller: &yes}}
		}),
		pod("static", func(p *corev1.Pod) { p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "1"} }),
	}
	budget := policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "db", Namespace: "x"},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}},
	}
	got := blocked("b", pods, []policyv1.PodDisruptionBudget{budget})
	if len(got) != 1 || got[0] != "PodDisruptionBudget x/db lets no pod go, and pod held is on node b" {
		t.Errorf("blocked: %q", got)
	}
	budget.Status.DisruptionsAllowed = 1
	if got := blocked("b", pods, []policyv1.PodDisruptionBudget{budget}); len(got) > 0 {
		t.Errorf("blocked: %q", got)
	}
}

func TestDryRunNodePool(t *testing.T) {
	const path = "/apis/hypershift.openshift.io/v1beta1/namespaces/clusters/nodepools/np"
	pool := func(kind, configs, condition string) string {
		return fmt.Sprintf(`{"metadata":{"name":"np"},"spec":{"config":[%s],"management":{"upgradeType":%q}},"status":{"conditions":[%s]}}`, configs, kind, condition)
	}
	tests := []struct {
		name, pool, want, err string
	}{
		{"replaced", pool("Replace", `{"name":"mine"}`, ""), "NodePool clusters/np would take ConfigMap load-sctp-module, and its nodes would be replaced by new ones of other names", ""},
		{"in place", pool("InPlace", "", `{"type":"ValidMachineConfig","status":"True"}`), "NodePool clusters/np would take ConfigMap load-sctp-module, and its nodes would be drained and rebooted one after the other", ""},
		{"taken", pool("InPlace", `{"name":"load-sctp-module"}`, ""), "", "NodePool clusters/np: it has ConfigMap load-sctp-module already"},
		{"full", pool("InPlace", strings.Repeat(`{"name":"x"},`, 9)+`{"name":"y"}`, ""), "", "NodePool clusters/np: it names 10 ConfigMaps, and may not name more"},
		{"invalid", pool("InPlace", "", `{"type":"ValidMachineConfig","status":"False","message":"no such role"}`), "", "NodePool clusters/np: its configuration is not valid: no such role"},
		{"updating", pool("InPlace", "", `{"type":"UpdatingConfig","status":"True","message":"2 of 3"}`), "", "NodePool clusters/np: it is being updated: 2 of 3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, sent := server(t, map[string]string{"GET " + path: tt.pool, "POST /api/v1/namespaces/clusters/configmaps": `{}`, "PATCH " + path: `{}`})
			got, err := DryRunNodePool(t.Context(), c.Client.Discovery().RESTClient(), "clusters/np", "1a2b3")
			if got != tt.want || tt.err == "" && err != nil || tt.err != "" && (err == nil || err.Error() != tt.err) {
				t.Errorf("%q, %v", got, err)
			}
			for _, s := range *sent {
				if !strings.Contains(s, "dryRun=All") {
					t.Errorf("it was not a dry run: %s", s)
				}
			}
			if tt.err != "" {
				return
			}
			if len(*sent) != 2 || !strings.Contains((*sent)[1], `{"name":"load-sctp-module"}]`) {
				t.Fatalf("sent %q", *sent)
			}
			if c := carried(t, (*sent)[0]); c.Metadata.Name != documentName || c.Metadata.Labels[RoleLabel] != "worker" || !c.Spec.Config.enables() {
				t.Errorf("the ConfigMap has %+v", c)
			}
		})
	}
	c, _ := server(t, nil)
	if _, err := DryRunNodePool(t.Context(), c.Client.Discovery().RESTClient(), "np", "1"); err == nil || err.Error() != `NodePool "np": want namespace/name` {
		t.Errorf("error %v", err)
	}
}

// carried is the MachineConfig in a ConfigMap that was sent, read as the NodePool's controller
// reads it.
func carried(t *testing.T, sent string) Config {
	t.Helper()
	_, body, _ := strings.Cut(sent, " {")
	var m corev1.ConfigMap
	if err := decode([]byte("{"+body), &m); err != nil {
		t.Fatal(err)
	}
	var object struct {
		metav1.TypeMeta `json:",inline"`
		Config          `json:",inline"`
	}
	if err := yaml.Unmarshal([]byte(m.Data["config"]), &object); err != nil {
		t.Fatal(err)
	}
	if object.Kind != "MachineConfig" || object.APIVersion != "machineconfiguration.openshift.io/v1" {
		t.Errorf("the ConfigMap has a %s of %s", object.Kind, object.APIVersion)
	}
	return object.Config
}
