// The libFuzzer target for what is decoded in Swift: BMP, PGM and PPM, NPY, and the search for an orientation in JPEG,
// PNG and WebP files. Each input is taken as a file and goes the way of every file, through `EncodedImage`.

import Glibc
import Images

/// Values that a picture may have here; those of `EncodedImage` make a run slow.
private let mostValues = 1 << 20

@main
struct FuzzImages {
  static func main() {
    var (count, arguments) = (CommandLine.argc, Optional(CommandLine.unsafeArgv))
    exit(runFuzzer(&count, &arguments, decodeInput))
  }
}

private typealias Input = @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
private typealias Arguments = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

/// libFuzzer's own main function.
@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
  _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<Arguments?>, _ input: Input
) -> CInt

private func decodeInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let file = Array(UnsafeBufferPointer(start: bytes, count: count))
  let choice = hash(file)
  if file.count <= mostValues { _ = try? decodeLabels(file) }
  for channels in [3, 1, 4, 2, 8] {
    guard let conversion = try? PixelConversion(channels: channels, background: [0.25]),
      let encoded = try? EncodedImage(file, conversion)
    else { continue }
    if encoded.height * encoded.width * channels > mostValues { return 0 }
    decode(encoded, choice)
    return 0
  }
  return 0
}

/// Decodes all of it and a part, which must be the same part of the whole.
private func decode(_ encoded: EncodedImage, _ choice: UInt64) {
  let (top, height) = part(choice, of: encoded.height)
  let (left, width) = part(choice &* 0x9E37_79B9_7F4A_7C15, of: encoded.width)
  let rectangle = PixelRectangle(top: top, left: left, height: height, width: width)
  guard let whole = try? encoded.pixels() else {
    _ = try? encoded.pixels(rectangle)
    return
  }
  guard let part = try? encoded.pixels(rectangle), let cropped = try? whole.cropped(to: rectangle),
    part.bytes == cropped.bytes, part.words == cropped.words, part.floats == cropped.floats
  else { fatalError("\(rectangle) is not the same part of the whole") }
}

/// A first index and a count, often all.
private func part(_ choice: UInt64, of size: Int) -> (Int, Int) {
  if choice % 5 == 0 { return (0, size) }
  let first = Int(choice >> 8 & 0xFFFFFF) % size
  return (first, 1 + Int(choice >> 32 & 0xFFFFFF) % (size - first))
}

private func hash(_ bytes: [UInt8]) -> UInt64 {
  bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}
