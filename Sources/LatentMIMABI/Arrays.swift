import CLatentMIM
import Compute
import LatentMIM

@c @implementation public func lm_arrays_create(_ arrays: HandlePlace) -> lm_status {
  attempt(handingOut: arrays) { NamedArrays() }
}

@c @implementation public func lm_arrays_add(
  _ arrays: Handle, _ name: Text, _ shape: Integers, _ dimensions: Int32, _ values: Floats
) -> lm_status {
  attempt {
    let name = try text(name, "name")
    guard (0...32).contains(dimensions) else {
      throw ArgumentError("\(name) has \(dimensions) dimensions, wanted 0 … 32")
    }
    let sizes = dimensions == 0 ? [] : try integers(shape, Int64(dimensions), "shape")
    let count = try elementCount(sizes.map { Int64($0) }, name)
    try object(arrays, NamedArrays.self).add(
      name, shape: sizes, values: UnsafeBufferPointer(start: given(values, "values"), count: count))
  }
}

@c @implementation public func lm_arrays_free(_ arrays: Handle) { release(arrays, NamedArrays.self) }
