package manifests

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// machineConfig is of a kind that only OKD knows; it is applied by hand.
const machineConfig = "okd/load-sctp-module.yaml"

// administrators are the policies of kinds that client-go does not know.
var administrators = []string{"policy/admin-tier.yaml", "policy/baseline-tier.yaml", "policy/admin.yaml", "policy/baseline-admin.yaml"}

// typed decodes a file of a kind that client-go knows, and nil of another.
func typed(t *testing.T, file string) runtime.Object {
	t.Helper()
	if file == machineConfig || slices.Contains(administrators, file) {
		return nil
	}
	object, err := Object(file)
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// each calls test for every file.
func each(t *testing.T, test func(t *testing.T, file, text string)) {
	t.Helper()
	names, err := fs.Glob(files, "*/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("files are %v, %v", names, err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			raw, err := files.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			test(t, name, string(raw))
		})
	}
}

func TestEveryFileIsOneObject(t *testing.T) {
	each(t, func(t *testing.T, file, text string) {
		if strings.Contains(text, "\n---") {
			t.Error("more than one object in a file")
		}
		object := typed(t, file)
		if object == nil {
			return
		}
		meta := object.(metav1.Object)
		if meta.GetNamespace() != "" || meta.GetName() == "" {
			t.Errorf("the object is called %q in namespace %q: the one who applies it chooses the namespace", meta.GetName(), meta.GetNamespace())
		}
		if name := strings.TrimSuffix(path.Base(file), ".yaml"); path.Dir(file) != "agent" && meta.GetName() != name {
			t.Errorf("the object is called %s, not as its file", meta.GetName())
		}
	})
}

// comment is what a file says of itself before its object begins.
func comment(text string) string {
	var words []string
	for line := range strings.Lines(text) {
		said, ok := strings.CutPrefix(line, "#")
		if !ok {
			break
		}
		words = append(words, strings.TrimSpace(said))
	}
	return strings.Join(words, " ")
}

func TestEveryFileSaysWhatItDoes(t *testing.T) {
	each(t, func(t *testing.T, file, text string) {
		said := comment(text)
		if !strings.HasSuffix(said, ".") {
			t.Errorf("the file begins with %q, no sentence", said)
		}
		if path.Dir(file) == "okd" && !strings.Contains(said, `The object of OKD's page "Using SCTP"`) {
			t.Errorf("the file does not say where it is from: %q", said)
		}
		if path.Dir(file) == "policy" && (!strings.HasPrefix(said, "Admits ") || strings.Contains(said, ". ")) {
			t.Errorf("a policy says in one sentence what it admits, not %q", said)
		}
	})
}

func TestServicesAndPolicies(t *testing.T) {
	each(t, func(t *testing.T, file, text string) {
		switch o := typed(t, file).(type) {
		case *corev1.Service:
			sentence, _, _ := strings.Cut(text, "\napiVersion")
			if len(o.Spec.Selector) == 0 && !strings.Contains(sentence, "without a selector") || len(o.Spec.Ports) == 0 {
				t.Errorf("it leads nowhere: %+v", o.Spec)
			}
			for _, p := range o.Spec.Ports {
				if p.NodePort != 0 || p.Protocol == "" || p.Name == "" {
					t.Errorf("port %+v: with protocol and name, and the cluster chooses the NodePort", p)
				}
				if p.Protocol != corev1.ProtocolSCTP && !strings.Contains(sentence, string(p.Protocol)) {
					t.Errorf("a port is %s, which its sentence does not say", p.Protocol)
				}
			}
		case *networkingv1.NetworkPolicy:
			sentence, _, _ := strings.Cut(text, "\napiVersion")
			var ports []networkingv1.NetworkPolicyPort
			for _, rule := range o.Spec.Ingress {
				ports = append(ports, rule.Ports...)
			}
			for _, rule := range o.Spec.Egress {
				ports = append(ports, rule.Ports...)
			}
			for _, p := range ports {
				protocol := corev1.ProtocolTCP // where a port has none
				if p.Protocol != nil {
					protocol = *p.Protocol
				}
				if !strings.Contains(sentence, "Admits "+string(protocol)) && !strings.Contains(sentence, "and "+string(protocol)) {
					t.Errorf("a port is %s, which its sentence does not say", protocol)
				}
			}
		}
	})
}

func TestPodSecurity(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	admitted := func(level psa.Level, meta *metav1.ObjectMeta, pod *corev1.PodSpec) policy.AggregateCheckResult {
		return policy.AggregateCheckResults(evaluator.EvaluatePod(psa.LevelVersion{Level: level, Version: psa.LatestVersion()}, meta, pod))
	}
	pod, err := Load[*corev1.Pod]("agent/agent.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if r := admitted(psa.LevelRestricted, &pod.ObjectMeta, &pod.Spec); !r.Allowed {
		t.Errorf("the agent is not admitted: %s", r.ForbiddenDetail())
	}
	c := pod.Spec.Containers[0]
	if !*c.SecurityContext.ReadOnlyRootFilesystem || *pod.Spec.AutomountServiceAccountToken || c.ReadinessProbe != nil {
		t.Errorf("the agent has more than it needs: %+v", c)
	}
	observer, err := Load[*corev1.Pod]("node/observer.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if r := admitted(psa.LevelBaseline, &observer.ObjectMeta, &observer.Spec); r.Allowed {
		t.Error("the observer is admitted by baseline: it sees nothing")
	}
	if c := observer.Spec.Containers[0]; !c.VolumeMounts[0].ReadOnly || *observer.Spec.AutomountServiceAccountToken {
		t.Errorf("the observer may change more than it has to: %+v", observer.Spec)
	}
	ds, err := Load[*appsv1.DaemonSet]("module/load-sctp.yaml")
	if err != nil {
		t.Fatal(err)
	}
	template := ds.Spec.Template
	if r := admitted(psa.LevelBaseline, &template.ObjectMeta, &template.Spec); r.Allowed {
		t.Error("the loader is admitted by baseline: either it cannot load anything, or this test tests nothing")
	}
	if !template.Spec.Tolerations[0].MatchToleration(&corev1.Toleration{Operator: corev1.TolerationOpExists}) || *template.Spec.AutomountServiceAccountToken {
		t.Errorf("the loader does not go to every node: %+v", template.Spec)
	}
}

// Policies of administrators say the same in both versions of the API, and select pods by
// the labels of their namespaces.
func TestPoliciesOfAdministrators(t *testing.T) {
	for _, file := range administrators {
		o, err := Untyped(file)
		if err != nil {
			t.Fatal(err)
		}
		group, version, _ := strings.Cut(o.GetAPIVersion(), "/")
		if group != "policy.networking.k8s.io" || !slices.Contains([]string{"v1alpha1", "v1beta1"}, version) {
			t.Errorf("%s is of %s", file, o.GetAPIVersion())
		}
		if labels, _, err := unstructured.NestedStringMap(o.Object, "spec", "subject", "pods", "namespaceSelector", "matchLabels"); err != nil || len(labels) == 0 {
			t.Errorf("%s selects namespaces by %v, %v", file, labels, err)
		}
		for _, direction := range []string{"ingress", "egress"} {
			rules, _, err := unstructured.NestedSlice(o.Object, "spec", direction)
			var actions []string
			for _, r := range rules {
				actions = append(actions, r.(map[string]any)["action"].(string))
			}
			want := "Accept Pass Deny"
			if strings.Contains(o.GetName(), "baseline") || o.GetName() == "default" {
				want = "Accept Deny"
			}
			if version == "v1alpha1" {
				want = strings.ReplaceAll(want, "Accept", "Allow")
			}
			if got := strings.Join(actions, " "); got != want || err != nil {
				t.Errorf("%s does %s with %s, want %s (%v)", file, got, direction, want, err)
			}
		}
	}
}

func TestMachineConfig(t *testing.T) {
	raw, err := files.ReadFile(machineConfig)
	if err != nil {
		t.Fatal(err)
	}
	var o unstructured.Unstructured
	if err := yaml.UnmarshalStrict(raw, &o.Object); err != nil {
		t.Fatal(err)
	}
	if o.GetAPIVersion() != "machineconfiguration.openshift.io/v1" || o.GetKind() != "MachineConfig" || o.GetName() != "load-sctp-module" ||
		o.GetLabels()["machineconfiguration.openshift.io/role"] != "worker" {
		t.Errorf("the object is %v", o.Object)
	}
	if version, _, _ := unstructured.NestedString(o.Object, "spec", "config", "ignition", "version"); version != "3.2.0" {
		t.Errorf("ignition is of version %s", version)
	}
	list, _, err := unstructured.NestedSlice(o.Object, "spec", "config", "storage", "files")
	want := map[string]string{"/etc/modprobe.d/sctp-blacklist.conf": "data:,", "/etc/modules-load.d/sctp-load.conf": "data:,sctp"}
	if err != nil || len(list) != len(want) {
		t.Fatalf("files are %v, %v", list, err)
	}
	for _, f := range list {
		f := f.(map[string]any)
		source, _, _ := unstructured.NestedString(f, "contents", "source")
		if name := f["path"].(string); source != want[name] || source == "" {
			t.Errorf("%s is filled from %q", name, source)
		}
		if f["mode"] != float64(0o644) || f["overwrite"] != true {
			t.Errorf("%v: mode %v, overwrite %v", f["path"], f["mode"], f["overwrite"])
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	if _, err := Load[*corev1.Pod]("okd/sctpserver.yaml"); err == nil || err.Error() != "manifest okd/sctpserver.yaml is a *v1.Service, not a *v1.Pod" {
		t.Errorf("a Service for a Pod: %v", err)
	}
	if _, err := Load[*corev1.Pod]("agent/none.yaml"); err == nil || err.Error() != "manifest: open agent/none.yaml: file does not exist" {
		t.Errorf("no such file: %v", err)
	}
	if _, err := Object(machineConfig); err == nil || !strings.Contains(err.Error(), `no kind "MachineConfig" is registered`) {
		t.Errorf("a kind that nobody knows: %v", err)
	}
}

// A misspelt field of a policy would admit more than it says.
func TestDecodingIsStrict(t *testing.T) {
	const misspelt = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podselector: {}, policyTypes: [Ingress]}\n"
	if _, _, err := strict.Decode([]byte(misspelt), nil, nil); err == nil || !strings.Contains(err.Error(), `unknown field "spec.podselector"`) {
		t.Errorf("error is %v", err)
	}
}
