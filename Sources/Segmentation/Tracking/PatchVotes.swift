import Compute
import Glibc

/// The k context patches that each patch of a tile is most alike to, and those that tie with the k-th. Lies in scratch
/// memory.
struct PatchVotes {
  let k: Int
  let keepsTies: Bool
  let channels: Int
  /// [patches, k], the largest first.
  private let similarities: UnsafeMutablePointer<Float>
  /// [patches, k]: entry of the context and patch there.
  private let places: UnsafeMutablePointer<Place>
  /// [patches]: how many there are.
  private let counts: UnsafeMutablePointer<Int>
  /// [patches]: what a similarity must reach to vote.
  let thresholds: UnsafeMutablePointer<Float>
  /// [patches, channels]: the sum of the maps of further ties, and [patches] their number.
  private let tieSums: UnsafeMutablePointer<Float>
  private let tieCounts: UnsafeMutablePointer<Float>

  struct Place {
    var entry: Int
    var patch: Int
  }

  /// Floats of scratch memory.
  static func scratchCount(patches: Int, k: Int, channels: Int) -> Int {
    patches * (k + 4 * k + 2 + 1 + channels + 1) + 16
  }

  /// - Parameter scratch: `scratchCount` floats at an address divisible by 8.
  init(_ scratch: UnsafeMutablePointer<Float>, patches: Int, k: Int, keepsTies: Bool, channels: Int) {
    (self.k, self.keepsTies, self.channels) = (k, keepsTies, channels)
    let raw = UnsafeMutableRawPointer(scratch)
    places = raw.bindMemory(to: Place.self, capacity: patches * k)
    counts = (raw + patches * k * 16).bindMemory(to: Int.self, capacity: patches)
    similarities = scratch + patches * (4 * k + 2)
    thresholds = similarities + patches * k
    tieSums = thresholds + patches
    tieCounts = tieSums + patches * channels
    counts.update(repeating: 0, count: patches)
    thresholds.update(repeating: -.infinity, count: patches)
    tieSums.update(repeating: 0, count: patches * (channels + 1))
  }

  /// Takes a similarity that is not below the threshold.
  func offer(_ similarity: Float, of patch: Int, _ place: Place, _ context: UnsafeBufferPointer<ContextEntry>) {
    let (values, own) = (similarities + patch * k, places + patch * k)
    let isFull = counts[patch] == k
    if isFull {
      if similarity == thresholds[patch] {
        if keepsTies { addTie(patch, place, context) }
        return
      }
      let (dropped, droppedPlace) = (values[k - 1], own[k - 1])
      if keepsTies {
        let next = k > 1 ? min(values[k - 2], similarity) : similarity
        if next == dropped { addTie(patch, droppedPlace, context) } else { clearTies(patch) }
      }
    }
    var index = isFull ? k - 1 : counts[patch]
    while index > 0, values[index - 1] < similarity {
      (values[index], own[index]) = (values[index - 1], own[index - 1])
      index -= 1
    }
    (values[index], own[index]) = (similarity, place)
    if !isFull { counts[patch] += 1 }
    if counts[patch] == k { thresholds[patch] = values[k - 1] }
  }

  /// Writes what the votes give: [channels].
  func write(
    _ patch: Int, temperature: Double, _ context: UnsafeBufferPointer<ContextEntry>, to map: UnsafeMutablePointer<Float>
  ) {
    let values = similarities + patch * k
    var total: Float = 0
    map.update(repeating: 0, count: channels)
    func weight(_ similarity: Float) -> Float { Float(exp(Double(similarity - values[0]) / temperature)) }
    for index in 0..<counts[patch] {
      let (place, weight) = (places[patch * k + index], weight(values[index]))
      let frame = context[place.entry].frame
      let source = frame.maps.pointer + place.patch * frame.channels
      for channel in 0..<frame.channels { map[channel] += weight * source[channel] }
      total += weight
    }
    if tieCounts[patch] > 0 {
      let weight = weight(values[k - 1])
      for channel in 0..<channels { map[channel] += weight * tieSums[patch * channels + channel] }
      total += weight * tieCounts[patch]
    }
    for channel in 0..<channels { map[channel] /= total }
  }

  private func addTie(_ patch: Int, _ place: Place, _ context: UnsafeBufferPointer<ContextEntry>) {
    let frame = context[place.entry].frame
    let source = frame.maps.pointer + place.patch * frame.channels
    for channel in 0..<frame.channels { tieSums[patch * channels + channel] += source[channel] }
    tieCounts[patch] += 1
  }

  private func clearTies(_ patch: Int) {
    guard tieCounts[patch] > 0 else { return }
    (tieSums + patch * channels).update(repeating: 0, count: channels)
    tieCounts[patch] = 0
  }
}
