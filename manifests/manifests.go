// Package manifests holds the objects the suite creates, as plain files that anybody can
// apply by hand. What a run has to change in them it changes after decoding.
package manifests

import (
	"embed"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// strict refuses fields that the API does not know: a typo in a policy would else read
// as a policy that admits more.
var strict = serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()

//go:embed */*.yaml
var files embed.FS

// Load decodes a file, such as policy/deny-ingress.yaml, as an object of type T. Fields
// that the API does not know are errors.
func Load[T runtime.Object](file string) (T, error) {
	var none T
	object, err := Object(file)
	if err != nil {
		return none, err
	}
	typed, ok := object.(T)
	if !ok {
		return none, fmt.Errorf("manifest %s is a %T, not a %T", file, object, none)
	}
	return typed, nil
}

// Raw is a file as it stands, for kinds that this program has no types of.
func Raw(file string) ([]byte, error) {
	raw, err := files.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return raw, nil
}

// Object decodes a file as whatever kind it says it is.
func Object(file string) (runtime.Object, error) {
	raw, err := Raw(file)
	if err != nil {
		return nil, err
	}
	object, err := runtime.Decode(strict, raw)
	if err != nil {
		return nil, fmt.Errorf("manifest %s: %w", file, err)
	}
	return object, nil
}

// Untyped decodes a file of a kind that client-go does not know. Who creates it must ask
// the API server to be strict about its fields.
func Untyped(file string) (*unstructured.Unstructured, error) {
	raw, err := files.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	object := &unstructured.Unstructured{}
	text, err := yaml.YAMLToJSONStrict(raw)
	if err == nil {
		err = object.UnmarshalJSON(text)
	}
	if err != nil {
		return nil, fmt.Errorf("manifest %s: %w", file, err)
	}
	return object, nil
}
