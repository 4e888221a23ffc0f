import Files
import CLatentMIM
import Compute
import Evaluation
import Glibc
import LatentMIM

private nonisolated(unsafe) let versionText = UnsafePointer(strdup("0.1.0"))

@c @implementation
public func lm_version() -> UnsafePointer<CChar>? { versionText }

@c @implementation
public func lm_text_free(_ text: UnsafeMutablePointer<CChar>?) { free(text) }

@c @implementation
public func lm_thread_count() -> Int32 { Int32(threadCount) }

@c @implementation
public func lm_set_thread_count(_ count: Int32) -> lm_status {
  attempt {
    guard (1...256).contains(count) else { throw ArgumentError("thread count is \(count), wanted 1 … 256") }
    threadCount = Int(count)
  }
}

@c @implementation
public func lm_instruction_set() -> UnsafePointer<CChar>? { instructionSetNames[InstructionSet.current] ?? nil }

private nonisolated(unsafe) let instructionSetNames: [InstructionSet: UnsafePointer<CChar>?] = Dictionary(
  uniqueKeysWithValues: InstructionSet.allCases.map { ($0, UnsafePointer(strdup($0.rawValue))) })

@c @implementation
public func lm_set_instruction_set(_ name: UnsafePointer<CChar>?) -> lm_status {
  attempt { try InstructionSet.use(text(name, "name")) }
}

@c @implementation
public func lm_set_interrupt_check(_ check: (@convention(c) () -> Bool)?) {
  guard let check else {
    Interruption.isRequested = nil
    return
  }
  Interruption.isRequested = { check() }
}

@c @implementation
public func lm_memory_statistics(_ statistics: UnsafeMutablePointer<lm_memory>?) {
  let now = Arena.shared.statistics
  statistics?.pointee = lm_memory(
    allocations: Int64(now.allocations), bytes_in_use: Int64(now.bytesInUse),
    peak_bytes_in_use: Int64(now.peakBytesInUse), bytes_kept: Int64(now.bytesKept))
}

@c @implementation
public func lm_model_options(
  _ options: UnsafePointer<CChar>?, _ resolved: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt { handOut(try modelConfiguration(options).json.text(), resolved) }
}

@c @implementation
public func lm_training_options(
  _ options: UnsafePointer<CChar>?, _ resolved: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt { handOut(try trainingConfiguration(options).json.text(), resolved) }
}

@c @implementation
public func lm_options(
  _ name: UnsafePointer<CChar>?, _ list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt {
    let lists = configurationLists.merging(evaluationLists) { first, _ in first }
    let name = try text(name, "name")
    guard let found = lists[name] else {
      throw ArgumentError("options: there is no list \(quoted([name])), wanted \(oneOf(lists.keys.sorted()))")
    }
    handOut(try found.text(), list)
  }
}

@c @implementation
public func lm_model_options_difference(
  _ options: UnsafePointer<CChar>?, _ preset: UnsafePointer<CChar>?,
  _ difference: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt {
    let list = try modelConfiguration(options).differences(
      from: Preset(named: text(preset, "preset"), option: "preset"))
    let pairs = list.map { ($0.name, JSONValue.array([$0.here, $0.there])) }
    handOut(try JSONValue.object(Dictionary(uniqueKeysWithValues: pairs)).text(), difference)
  }
}

@c @implementation
public func lm_views_sample(
  _ modelOptions: UnsafePointer<CChar>?, _ seed: UInt64, _ epoch: Int64, _ images: UnsafePointer<Int64>?,
  _ views: UnsafeMutablePointer<lm_views>?
) -> lm_status {
  attempt {
    let place = try given(views, "views")
    let batch = place.pointee.batch
    guard batch > 0 else { throw ArgumentError("views: batch is \(batch), wanted at least 1") }
    let indices = UnsafeBufferPointer(start: try given(images, "images"), count: Int(batch)).map { Int($0) }
    let drawn = try Views.sample(modelConfiguration(modelOptions), seed: seed, epoch: Int(epoch), images: indices)
    let arrays = place.pointee
    guard let visible = arrays.visible, let target = arrays.target, let offsets = arrays.offsets else {
      return place.pointee.setSizes(of: drawn)
    }
    for (name, found, wanted) in [
      ("num_visible", arrays.num_visible, drawn.numVisible), ("num_target", arrays.num_target, drawn.numTarget),
      ("num_patches", arrays.num_patches, drawn.numPatches),
    ] where found != wanted { throw ArgumentError("views: \(name) is \(found), wanted \(wanted)") }
    visible.update(from: drawn.visible, count: drawn.visible.count)
    target.update(from: drawn.target, count: drawn.target.count)
    offsets.update(from: drawn.offsets, count: drawn.offsets.count)
    place.pointee.setSizes(of: drawn)
  }
}

extension lm_views {
  fileprivate mutating func setSizes(of views: Views) {
    (num_visible, num_target) = (Int64(views.numVisible), Int64(views.numTarget))
    (num_patches, target_blocks) = (Int64(views.numPatches), Int64(views.targetBlocks))
  }
}
