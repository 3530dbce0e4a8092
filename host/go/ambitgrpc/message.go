package ambitgrpc

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// arguments are what a handler will see in a message: every field by its name in the schema, also one that was not sent and
// reads as zero, or as the default of its schema. Only an optional field that is not there and has no default is left out.
// What the schema does not know, and what extends the message, nobody would judge.
func arguments(message any) (map[string]any, error) {
	known, is := message.(proto.Message)
	if !is {
		return nil, fmt.Errorf("a `%T` is no message of protobuf", message)
	}
	return members(known.ProtoReflect())
}

func members(message protoreflect.Message) (map[string]any, error) {
	if len(message.GetUnknown()) > 0 {
		return nil, errors.New("the message has a field that its schema does not know")
	}
	var wrong error
	message.Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if field.IsExtension() {
			wrong = fmt.Errorf("the message has the extension `%s`, which nobody judges", field.FullName())
		}
		return wrong == nil
	})
	if wrong != nil {
		return nil, wrong
	}
	values := map[string]any{}
	fields := message.Descriptor().Fields()
	for at := range fields.Len() {
		field := fields.Get(at)
		if field.HasPresence() && !field.HasDefault() && !message.Has(field) {
			continue
		}
		value, err := member(field, message.Get(field))
		if err != nil {
			return nil, err
		}
		values[string(field.Name())] = value
	}
	return values, nil
}

func member(field protoreflect.FieldDescriptor, value protoreflect.Value) (any, error) {
	switch {
	case field.IsMap():
		values := map[string]any{}
		var wrong error
		value.Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
			if !utf8.ValidString(key.String()) {
				wrong = notText(field)
				return false
			}
			values[key.String()], wrong = single(field.MapValue(), value)
			return wrong == nil
		})
		return values, wrong
	case field.IsList():
		values := []any{}
		for at := range value.List().Len() {
			one, err := single(field, value.List().Get(at))
			if err != nil {
				return nil, err
			}
			values = append(values, one)
		}
		return values, nil
	}
	return single(field, value)
}

func single(field protoreflect.FieldDescriptor, value protoreflect.Value) (any, error) {
	switch field.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return members(value.Message())
	case protoreflect.EnumKind:
		named := field.Enum().Values().ByNumber(value.Enum())
		if named == nil {
			return nil, fmt.Errorf("`%s` has a value that its schema does not know", field.Name())
		}
		return string(named.Name()), nil
	case protoreflect.StringKind:
		// Of a message of proto2 nobody has looked yet.
		if !utf8.ValidString(value.String()) {
			return nil, notText(field)
		}
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		if math.IsNaN(value.Float()) || math.IsInf(value.Float(), 0) {
			return nil, fmt.Errorf("`%s` is no number", field.Name())
		}
	}
	return value.Interface(), nil
}

// notText: JSON would have another character in the place, and the handler another text than was judged.
func notText(field protoreflect.FieldDescriptor) error {
	return fmt.Errorf("`%s` is no UTF-8", field.Name())
}

// resource takes the field that names the resource out of the arguments.
func resource(values map[string]any, name string) (string, error) {
	id, is := values[name].(string)
	if !is || id == "" {
		return "", fmt.Errorf("the field `%s` does not name the resource", name)
	}
	delete(values, name)
	return id, nil
}
