package codec

import "reflect"

// loose decodes the next value for an empty interface. [Decoder.Decode] lists the few
// possible types.
func (d *Decoder) loose() any {
	switch c := d.b[d.at]; c {
	case 0xc0, 0xc2, 0xc3:
		d.at++
		if c == 0xc0 {
			return nil
		}
		return c == 0xc3
	}
	if n, ok := d.integer(); ok {
		if n.big != 0 {
			return n.big
		}
		return n.n
	}
	if f, ok := d.float(); ok {
		return f
	}
	isText := KindOf(d.b[d.at]) == "a string"
	if b, ok := d.bytes(); ok {
		if isText {
			return string(b)
		}
		return append(make([]byte, 0, len(b)), b...)
	}
	if t, ok := d.timestamp(); ok {
		return t
	}
	if n, ok := d.list(); ok {
		list := make([]any, n)
		for i := range list {
			list[i] = d.loose()
		}
		return list
	}
	return d.looseMap()
}

// looseMap decodes a map. Its type depends on the keys. If the map type can't hold a key,
// the entries so far move to a map of another type.
func (d *Decoder) looseMap() any {
	n, _ := d.mapping()
	m := make(map[string]any, n)
	for i := range n {
		k, ok := d.bytes()
		if !ok {
			others := make(map[any]any, n)
			for k, v := range m {
				others[k] = v
			}
			return d.looseKeys(others, n-i)
		}
		m[string(k)] = d.loose()
	}
	return m
}

// looseKeys decodes n more entries of a map with a key that is not a string.
func (d *Decoder) looseKeys(m map[any]any, n int) any {
	for i := range n {
		k := d.looseKey()
		if k != nil && !reflect.TypeOf(k).Comparable() {
			pairs := make([]any, 0, len(m)+n-i)
			for k, v := range m {
				pairs = append(pairs, []any{k, v})
			}
			return d.loosePairs(append(pairs, []any{k, d.loose()}), n-i-1)
		}
		m[k] = d.loose()
	}
	return m
}

// loosePairs decodes n more entries of a map whose keys a Go map can't hold.
func (d *Decoder) loosePairs(pairs []any, n int) any {
	for range n {
		k := d.looseKey()
		pairs = append(pairs, []any{k, d.loose()})
	}
	return pairs
}

// looseKey decodes a key. Bytes become a string.
func (d *Decoder) looseKey() any {
	k := d.loose()
	if b, ok := k.([]byte); ok {
		return string(b)
	}
	return k
}
