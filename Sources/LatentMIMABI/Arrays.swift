import CLatentMIM
import Compute
import LatentMIM

extension NamedArrays {
  /// A caller's arrays, where they lie.
  convenience init(_ list: ArrayList, _ count: Int64) throws {
    self.init()
    for entry in count == 0 ? .init(start: nil, count: 0) : try array(list, [count], "arrays") {
      let name = try text(entry.name, "name")
      guard (0...32).contains(entry.dimensions) else {
        throw ArgumentError("\(name) has \(entry.dimensions) dimensions, wanted 0 … 32")
      }
      let sizes = entry.dimensions == 0 ? [] : try integers(entry.shape, Int64(entry.dimensions), "shape")
      let values = try array(entry.values, sizes.map { Int64($0) }, name)
      try add(name, shape: sizes, values: values)
    }
  }
}
