/// Calls `body` with index and value of the k largest of some values, the largest first. Of equal values the first one
/// wins; NaN counts as larger than any number.
///
/// Insertion into a sorted list of k: most values are below the k-th largest so far and cost one comparison.
///
/// - Parameters:
///   - count: number of values, `stride` apart.
///   - k: 1 … count.
@inlinable
public func withLargest(
  _ values: UnsafePointer<Float>, _ count: Int, _ stride: Int, _ k: Int, _ body: (Int, Float) -> Void
) {
  withUnsafeTemporaryAllocation(of: Int.self, capacity: k) { places in
    for index in 0..<count {
      let value = values[index * stride]
      func isBehind(_ place: Int) -> Bool {
        let other = values[places[place] * stride]
        return other < value || (value.isNaN && !other.isNaN)
      }
      var place = min(index, k)
      if place == k {
        guard isBehind(k - 1) else { continue }
        place = k - 1
      }
      while place > 0, isBehind(place - 1) {
        places[place] = places[place - 1]
        place -= 1
      }
      places[place] = index
    }
    for place in 0..<k { body(places[place], values[places[place] * stride]) }
  }
}

/// The k-th largest of some values, none of them NaN, by Hoare's quickselect. Reorders the values.
///
/// - Parameter k: 1 … count.
@inlinable
public func kthLargest(_ values: UnsafeMutablePointer<Float>, _ count: Int, _ k: Int) -> Float {
  var (low, high) = (0, count - 1)
  while low < high {
    let pivot = values[(low + high) / 2]
    var (front, back) = (low, high)
    while front <= back {
      while values[front] > pivot { front += 1 }
      while values[back] < pivot { back -= 1 }
      guard front <= back else { break }
      (values[front], values[back]) = (values[back], values[front])
      front += 1
      back -= 1
    }
    // Now low … back ≥ pivot, front … high ≤ pivot, and whatever lies between equals the pivot.
    if k - 1 <= back { high = back } else if k - 1 >= front { low = front } else { break }
  }
  return values[k - 1]
}
