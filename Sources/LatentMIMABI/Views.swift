import CLatentMIM
import Compute
import LatentMIM

@c @implementation public func lm_views_sample(
  _ modelOptions: Text, _ seed: UInt64, _ epoch: Int64, _ images: Integers, _ views: UnsafeMutablePointer<lm_views>?
) -> lm_status {
  attempt {
    let place = try given(views, "views")
    let indices = try integers(images, place.pointee.batch, "images")
    let drawn = try Views.sample(modelConfiguration(modelOptions), seed: seed, epoch: Int(epoch), images: indices)
    try place.pointee.fill(drawn)
  }
}

extension lm_views {
  /// Writes sizes, and the arrays where there are any.
  fileprivate mutating func fill(_ drawn: Views) throws {
    if let visible, let target, let offsets {
      for (name, found, wanted) in [
        ("num_visible", num_visible, drawn.numVisible), ("num_target", num_target, drawn.numTarget),
        ("num_patches", num_patches, drawn.numPatches),
      ] where found != wanted { throw ArgumentError("views: \(name) is \(found), wanted \(wanted)") }
      try write(drawn.visible, visible, "visible")
      try write(drawn.target, target, "target")
      try write(drawn.offsets, offsets, "offsets")
    }
    (num_visible, num_target) = (Int64(drawn.numVisible), Int64(drawn.numTarget))
    (num_patches, target_blocks) = (Int64(drawn.numPatches), Int64(drawn.targetBlocks))
  }
}

extension Views {
  /// The same, copied.
  init(_ views: lm_views) throws {
    func values(_ start: UnsafeMutablePointer<Int32>?, _ perImage: [Int64], _ name: String) throws -> [Int32] {
      Array(try array(UnsafePointer(start), [views.batch] + perImage, name))
    }
    self.init(
      batch: Int(views.batch), visible: try values(views.visible, [views.num_visible], "views.visible"),
      target: try values(views.target, [views.num_target], "views.target"),
      offsets: try values(views.offsets, [views.num_patches, 2], "views.offsets"),
      targetBlocks: Int(views.target_blocks))
  }
}
