import Compute

/// A mask as bits, 64 pixels a word: pixel x of a row is bit x % 64 of its word x / 64. Bits behind a row's last pixel
/// are zero, but where a function says otherwise.
///
/// Its memory is its maker's; nothing here allocates, so that it works inside parallel regions.
struct BitMask {
  let words: UnsafeMutablePointer<UInt64>
  let height: Int
  let width: Int
  /// Words of a row.
  var rowWords: Int { (width + 63) / 64 }
  var wordCount: Int { height * rowWords }

  func row(_ y: Int) -> UnsafeMutablePointer<UInt64> { words + y * rowWords }

  func clear() { words.update(repeating: 0, count: wordCount) }

  /// The pixels with `label` of `labels` [height, width].
  func fill(_ labels: UnsafePointer<Int32>, label: Int32) {
    for y in 0..<height {
      let row = row(y)
      for k in 0..<rowWords {
        let pixels = labels + y * width + 64 * k
        var word: UInt64 = 0
        for bit in 0..<min(64, width - 64 * k) { word |= (pixels[bit] == label ? 1 : 0) &<< UInt64(bit) }
        row[k] = word
      }
    }
  }

  /// Takes away the pixels of another mask.
  func subtract(_ other: BitMask) {
    for k in 0..<wordCount { words[k] &= ~other.words[k] }
  }

  /// The pixels that differ from their neighbour in the east, the south or the south-east; beyond the last row and
  /// column pixels repeat.
  func writeBoundary(to boundary: BitMask) {
    for y in 0..<height {
      let (here, below, target) = (row(y), row(min(y + 1, height - 1)), boundary.row(y))
      for k in 0..<rowWords {
        target[k] = (here[k] ^ east(here, k)) | (here[k] ^ below[k]) | (here[k] ^ east(below, k))
      }
    }
  }

  /// Word k of a row moved by one pixel to the west, its last pixel repeated.
  private func east(_ row: UnsafeMutablePointer<UInt64>, _ k: Int) -> UInt64 {
    guard k == rowWords - 1 else { return row[k] >> 1 | row[k + 1] << 63 }
    let last: UInt64 = 1 << UInt64((width - 1) & 63)
    return row[k] >> 1 | row[k] & last
  }

  /// The pixels within `radius` of a pixel of this mask: x² + y² ≤ radius². Bits behind a row's last pixel are
  /// undefined.
  ///
  /// A row is widened pixel by pixel, and added to the rows above and below for which the disk is that wide: the cost
  /// is that of 2 · radius words for each word.
  ///
  /// - Parameter line: memory for the words of a row.
  func writeDilation(radius: Int, to dilated: BitMask, line: UnsafeMutablePointer<UInt64>) {
    dilated.clear()
    for y in 0..<height where !isEmpty(y) {
      line.update(from: row(y), count: rowWords)
      var halfWidth = 0
      for down in stride(from: radius, through: 0, by: -1) {
        while (halfWidth + 1) * (halfWidth + 1) + down * down <= radius * radius {
          widen(line)
          halfWidth += 1
        }
        if y >= down { merge(line, into: dilated.row(y - down)) }
        if y + down < height { merge(line, into: dilated.row(y + down)) }
      }
    }
  }

  private func isEmpty(_ y: Int) -> Bool {
    let row = row(y)
    for k in 0..<rowWords where row[k] != 0 { return false }
    return true
  }

  /// Each pixel of the line, and its neighbours in the east and in the west.
  private func widen(_ line: UnsafeMutablePointer<UInt64>) {
    var before: UInt64 = 0
    for k in 0..<rowWords {
      let (here, next) = (line[k], k + 1 < rowWords ? line[k + 1] : 0)
      line[k] = here | here << 1 | before >> 63 | here >> 1 | next << 63
      before = here
    }
  }

  private func merge(_ line: UnsafeMutablePointer<UInt64>, into target: UnsafeMutablePointer<UInt64>) {
    for k in 0..<rowWords { target[k] |= line[k] }
  }

  var count: Int {
    var count = 0
    for k in 0..<wordCount { count += words[k].nonzeroBitCount }
    return count
  }

  /// How many pixels are in both masks.
  func countInCommon(with other: BitMask) -> Int {
    var count = 0
    for k in 0..<wordCount { count += (words[k] & other.words[k]).nonzeroBitCount }
    return count
  }
}
