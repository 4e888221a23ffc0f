/// Files written byte by byte, as no program writes them.
enum HostileFile {
  /// A little-endian TIFF file: `data` lie at byte 8; numbers of a tag have 32 bits.
  static func tiff(_ tags: [(tag: Int, values: [Int])], data: [UInt8]) -> [UInt8] {
    var arrays = data + (data.count % 2 == 0 ? [] : [0])
    var directory = little(tags.count, 2)
    for (tag, values) in tags.sorted(by: { $0.tag < $1.tag }) {
      directory += little(tag, 2) + little(4, 2) + little(values.count, 4)
      directory += little(values.count == 1 ? values[0] : 8 + arrays.count, 4)
      if values.count > 1 { arrays += values.flatMap { little($0, 4) } }
    }
    return Array("II*\0".utf8) + little(8 + arrays.count, 4) + arrays + directory + [0, 0, 0, 0]
  }

  /// Tags of a picture without compression in one strip or in planes of `plane` bytes.
  static func tiffTags(
    height: Int, width: Int, channels: Int, photometric: Int, plane: Int? = nil
  ) -> [(tag: Int, values: [Int])] {
    let blocks = plane == nil ? 1 : channels
    return [
      (256, [width]), (257, [height]), (258, Array(repeating: 8, count: channels)), (259, [1]), (262, [photometric]),
      (273, (0..<blocks).map { 8 + $0 * (plane ?? 0) }), (277, [channels]), (278, [height]),
      (279, Array(repeating: plane ?? height * width * channels, count: blocks)), (284, [plane == nil ? 1 : 2]),
    ]
  }

  /// A JPEG file whose blocks have one colour each; a progressive one lacks the scans of all others.
  ///
  /// - Parameter sampling: blocks of each component across and down.
  static func jpeg(height: Int, width: Int, sampling: [(Int, Int)], isProgressive: Bool) -> [UInt8] {
    let components = sampling.indices.map { UInt8($0 + 1) }
    var frame: [UInt8] = [8] + big(height) + big(width) + [UInt8(sampling.count)]
    for (component, size) in zip(components, sampling) { frame += [component, UInt8(size.0 << 4 | size.1), 0] }
    // Sixteen counts of codes by length, then symbols: twelve of four bits for DC, the end of a block for AC.
    let differences: [UInt8] = [0, 0, 0, 0, 12] + [UInt8](repeating: 0, count: 12) + Array(0..<12)
    let endOfBlock: [UInt8] = [0x10, 1] + [UInt8](repeating: 0, count: 16)
    var scan = [UInt8(sampling.count)]
    for component in components { scan += [component, 0] }
    scan += [0, isProgressive ? 0 : 63, 0]
    let start: [UInt8] = [0xFF, 0xD8]
    return start + segment(0xDB, [0] + [UInt8](repeating: 16, count: 64))
      + segment(isProgressive ? 0xC2 : 0xC0, frame) + segment(0xC4, differences) + segment(0xC4, endOfBlock)
      + segment(0xDA, scan)
      + blocks(height: height, width: width, sampling: sampling, ends: !isProgressive) + [0xFF, 0xD9]
  }

  private static func blocks(height: Int, width: Int, sampling: [(Int, Int)], ends: Bool) -> [UInt8] {
    let across = sampling.map(\.0).max() ?? 1, down = sampling.map(\.1).max() ?? 1
    let units = (width + 8 * across - 1) / (8 * across) * ((height + 8 * down - 1) / (8 * down))
    var bits: [UInt8] = []
    var levels = [Int](repeating: 0, count: sampling.count)
    var random: UInt32 = 1
    for _ in 0..<units {
      for (component, size) in sampling.enumerated() {
        for _ in 0..<(size.0 * size.1) {
          random = random &* 1_664_525 &+ 1_013_904_223
          let level = Int(random >> 24) % 63 - 31
          let difference = level - levels[component]
          levels[component] = level
          let length = Int.bitWidth - abs(difference).leadingZeroBitCount
          let number = difference > 0 ? difference : difference + (1 << length) - 1
          for place in (0..<4).reversed() { bits.append(UInt8(length >> place & 1)) }
          for place in (0..<length).reversed() { bits.append(UInt8(number >> place & 1)) }
          if ends { bits.append(0) }
        }
      }
    }
    bits += [UInt8](repeating: 1, count: (8 - bits.count % 8) % 8)
    var bytes: [UInt8] = []
    for start in stride(from: 0, to: bits.count, by: 8) {
      let byte = bits[start..<(start + 8)].reduce(0) { $0 << 1 | $1 }
      bytes += byte == 0xFF ? [0xFF, 0] : [byte]
    }
    return bytes
  }

  /// A progressive JPEG file of arithmetic codes in `scans` scans, nearly all without a byte.
  static func jpegOfScans(_ scans: Int, height: Int, width: Int) -> [UInt8] {
    var file: [UInt8] = [0xFF, 0xD8]
    file += segment(0xDB, [0] + [UInt8](repeating: 1, count: 64))
    file += segment(0xCA, [8] + big(height) + big(width) + [1, 1, 0x11, 0])
    file += segment(0xDA, [1, 1, 0, 0, 0, 0]) + [0, 0]
    for scan in 0..<(scans - 1) {
      let (index, low) = (UInt8(1 + scan / 14), UInt8(13 - scan % 14))
      file += segment(0xDA, [1, 1, 0, index, index, (low == 13 ? 0 : low + 1) << 4 | low])
    }
    return file + [0xFF, 0xD9]
  }

  private static func segment(_ marker: UInt8, _ content: [UInt8]) -> [UInt8] {
    [0xFF, marker] + big(content.count + 2) + content
  }

  private static func big(_ number: Int) -> [UInt8] { [UInt8(number >> 8 & 255), UInt8(number & 255)] }

  private static func little(_ number: Int, _ bytes: Int) -> [UInt8] {
    (0..<bytes).map { UInt8(number >> (8 * $0) & 255) }
  }
}
