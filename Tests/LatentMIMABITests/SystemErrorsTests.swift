import CLatentMIM
import Glibc
import LatentMIMABI
import Testing

/// What the system refused keeps its number and its path; what it did not has none.
@Test func theSystemsErrorsKeepNumberAndPath() {
  var handle: OpaquePointer?
  #expect(lm_image_load("/nowhere.jpg", nil, &handle) == LM_IO)
  #expect(lm_last_errno() == ENOENT)
  #expect(lm_last_path().map { String(cString: $0) } == "/nowhere.jpg")
  #expect(lm_dataset_folder("/dev/null", false, nil, nil, &handle, nil) == LM_IO)
  #expect(lm_last_errno() == ENOTDIR)
  #expect(lm_image_load("/", nil, &handle) == LM_IO)
  #expect(lm_last_errno() == EISDIR)
  #expect(lm_model_create("{\"width\": 3}", 0, &handle) == LM_VALUE)
  #expect(lm_last_errno() == 0 && lm_last_path() == nil)
}
