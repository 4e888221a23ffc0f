import Compute
import TestSupport
import Testing

@Suite struct SelectionTests {
  @Test(arguments: [(1, 1), (2, 1), (17, 5), (500, 3), (500, 499), (864, 200)])
  func picksWhatSortingPicks(_ size: (Int, Int)) {
    let (count, k) = size
    // Many values occur several times.
    var values = randomValues(count, seed: count).map { ($0 * 20).rounded() }
    let order = (0..<count).sorted { (values[$1], $0) < (values[$0], $1) }
    var places: [Int] = []
    withLargest(values, count, 1, k) { place, value in
      places.append(place)
      #expect(value == values[place])
    }
    #expect(places == Array(order.prefix(k)))
    let kth = values[order[k - 1]]
    #expect(values.withUnsafeMutableBufferPointer { kthLargest($0.baseAddress!, count, k) } == kth)
  }

  @Test func aNaNIsTheLargest() {
    var found: [Int] = []
    withLargest([1, .nan, 3, .nan, 9], 5, 1, 3) { place, _ in found.append(place) }
    #expect(found == [1, 3, 4])
  }
}
