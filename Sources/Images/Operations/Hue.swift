import Glibc

extension Levels {
  /// Turns the colour circle, in 8-bit hue, saturation and value. Grey images stay as they are.
  ///
  /// - Parameter turn: share of the circle, −½ … ½; cut to whole levels of hue.
  func turnHue(_ turn: Double) {
    guard channels == 3 else { return }
    let steps = UInt8(truncatingIfNeeded: Int(turn * 255))
    for pixel in 0..<(height * width) {
      let place = start + 3 * pixel
      let color = HueColor(red: place[0], green: place[1], blue: place[2])
      (place[0], place[1], place[2]) = color.turned(by: steps).rgb
    }
  }
}

/// A colour in hue, saturation and value, each 0 … 255.
private struct HueColor {
  var hue: UInt8
  let saturation: UInt8
  let value: UInt8

  init(red: UInt8, green: UInt8, blue: UInt8) {
    let (low, high) = (min(red, green, blue), max(red, green, blue))
    value = high
    guard low < high else {
      (hue, saturation) = (0, 0)
      return
    }
    let range = Float(high - low)
    func distance(_ level: UInt8) -> Float { Float(high - level) / range }
    let angle: Float =
      red == high
      ? distance(blue) - distance(green)
      : green == high
        ? Float(2 + Double(distance(red)) - Double(distance(blue)))
        : Float(4 + Double(distance(green)) - Double(distance(red)))
    let share = Float(fmod(Double(angle) / 6 + 1, 1))
    hue = UInt8(min(max(Int(Double(share) * 255), 0), 255))
    saturation = UInt8(min(max(Int(Double(range / Float(high)) * 255), 0), 255))
  }

  func turned(by steps: UInt8) -> HueColor {
    var other = self
    other.hue = hue &+ steps
    return other
  }

  var rgb: (UInt8, UInt8, UInt8) {
    guard saturation > 0 else { return (value, value, value) }
    let sixths = Double(hue) * 6 / 255
    let sector = Int(sixths)
    let within = Double(Float(sixths - Double(sector)))
    let strength = Double(Float(Double(saturation) / 255))
    func level(_ share: Double) -> UInt8 { UInt8(min(max((Double(value) * (1 - share)).rounded(), 0), 255)) }
    let (p, q, t) = (level(strength), level(strength * within), level(strength * (1 - within)))
    switch sector % 6 {
    case 0: return (value, t, p)
    case 1: return (q, value, p)
    case 2: return (p, value, t)
    case 3: return (p, q, value)
    case 4: return (t, p, value)
    default: return (value, p, q)
    }
  }
}
