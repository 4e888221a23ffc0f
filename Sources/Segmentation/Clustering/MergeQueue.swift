/// Pairs of clusters that may merge, the nearest first; equal distances in order of the later cluster, then of the
/// earlier one, as scikit-learn's heap of tuples has them (a binary heap).
struct MergeQueue {
  struct Pair {
    let distance: Double
    let later: Int
    let earlier: Int

    static func < (left: Pair, right: Pair) -> Bool {
      (left.distance, left.later, left.earlier) < (right.distance, right.later, right.earlier)
    }
  }

  private var heap: [Pair] = []

  mutating func insert(_ pair: Pair) {
    heap.append(pair)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child] < heap[parent] else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func removeNearest() -> Pair? {
    guard let nearest = heap.first else { return nil }
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while 2 * parent + 1 < heap.count {
      let left = 2 * parent + 1
      let child = left + 1 < heap.count && heap[left + 1] < heap[left] ? left + 1 : left
      guard heap[child] < heap[parent] else { break }
      heap.swapAt(child, parent)
      parent = child
    }
    return nearest
  }
}
