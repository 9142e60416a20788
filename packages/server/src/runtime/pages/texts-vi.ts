import type { Texts } from "./texts.ts";
import { vietnameseForScripts } from "./texts-scripts-vi.ts";

/** Every text of the pages, in Vietnamese. The type ensures that none is missing. */
export const vietnamese: Texts = {
  footer: { api: "API", inbox: "Hộp thư thử nghiệm" },
  needsScript: "Trang này cần JavaScript, nhưng trình duyệt của bạn đang tắt JavaScript.",

  start: {
    title: "Gatehouse",
    lead: "Định danh, phân quyền và tích hợp cho sản phẩm phục vụ nhiều tổ chức. Máy chủ đang chạy.",
    address: "Địa chỉ của máy chủ, dùng làm issuer và trong thư:",
    api: "Tài liệu API",
    apiSays: "Mọi thao tác, để đọc và để thử.",
    inbox: "Hộp thư thử nghiệm",
    inboxSays: "Những thư lẽ ra đã được gửi đi.",
    health: "Trạng thái sẵn sàng",
    healthSays: "Cho biết máy chủ và những gì nó cần có đang hoạt động hay không.",
    errors: "Mã lỗi",
    errorsSays: "Ý nghĩa của từng mã và cách xử lý.",
    guide: "Hướng dẫn",
    guideSays: "Hãy bắt đầu từ tệp README.md trong bản cài đặt.",
    firstStart: "Ở lần khởi động đầu tiên, liên kết thiết lập được in ra tại nơi khởi động máy chủ. Dùng nó để tạo quản trị viên đầu tiên.",
  },

  setup: {
    title: "Thiết lập Gatehouse",
    lead: "Tạo quản trị viên đầu tiên của bản cài đặt này. Liên kết chỉ dùng được một lần.",
    submit: "Tạo quản trị viên",
    doneTitle: "Đã thiết lập xong Gatehouse",
    done: "Quản trị viên đã được tạo và có thể đăng nhập ngay.",
    next: "Đến tài liệu API",
  },

  verify: {
    title: "Xác nhận địa chỉ email",
    lead: "Hãy nhập mật khẩu đã chọn khi đăng ký địa chỉ này để xác nhận rằng chính bạn đã đăng ký.",
    submit: "Xác nhận địa chỉ của tôi",
    toChoose: "Tôi không đăng ký, hoặc không biết mật khẩu",
    chooseTitle: "Chọn mật khẩu",
    chooseLead: "Thư này cho thấy địa chỉ là của bạn. Sau đó chỉ mật khẩu bạn chọn ở đây có hiệu lực.",
    choose: "Xác nhận và lưu mật khẩu",
    toConfirm: "Tôi biết mật khẩu",
    doneTitle: "Địa chỉ email đã được xác nhận",
    done: "Cảm ơn bạn. Bạn có thể đăng nhập ngay và đóng trang này.",
  },

  reset: {
    title: "Đặt mật khẩu mới",
    lead: "Liên kết chỉ dùng được một lần. Sau đó chỉ mật khẩu mới có hiệu lực.",
    submit: "Lưu mật khẩu mới",
    doneTitle: "Mật khẩu đã được thay đổi",
    done: "Hãy dùng mật khẩu mới trong lần đăng nhập tới. Bạn có thể đóng trang này.",
  },

  invitation: {
    title: "Lời mời của bạn",
    checking: "Đang kiểm tra xem bạn đã đăng nhập chưa…",
    retry: "Thử lại",
    signInTitle: "Đăng nhập để chấp nhận lời mời",
    signInLead: "Hãy đăng nhập bằng địa chỉ email đã nhận lời mời.",
    signIn: "Đăng nhập",
    noAccount: "Chưa có tài khoản?",
    toRegister: "Tạo tài khoản",
    registerTitle: "Tạo tài khoản",
    registerLead: "Hãy dùng địa chỉ email đã nhận lời mời.",
    register: "Tạo tài khoản",
    haveAccount: "Đã có tài khoản?",
    toSignIn: "Đăng nhập",
    registered: "Chúng tôi đã gửi thư đến {email}. Hãy làm theo thư đó, rồi quay lại trang này để đăng nhập.",
    acceptTitle: "Chấp nhận lời mời",
    signedInAs: "Bạn đang đăng nhập với địa chỉ",
    accept: "Chấp nhận lời mời",
    otherAccount: "Dùng tài khoản khác",
    sessionEnded: "Bạn không còn đăng nhập nữa. Vui lòng đăng nhập lại.",
    doneTitle: "Chào mừng bạn",
    done: "Bạn đã chấp nhận lời mời và hiện là thành viên. Bạn có thể đóng trang này.",
  },

  incompleteLink: {
    title: "Liên kết không đầy đủ",
    lead: "Địa chỉ bị thiếu một phần. Hãy mở lại đúng và đủ liên kết mà bạn đã nhận, hoặc yêu cầu một liên kết mới.",
  },

  fields: {
    email: "Địa chỉ email",
    password: "Mật khẩu",
    newPassword: "Mật khẩu mới",
    firstName: "Tên",
    lastName: "Họ và tên đệm",
    familyNameFirst: true,
    showPassword: "Hiện mật khẩu",
    passwordHint: "Ít nhất 8 ký tự. Mật khẩu dài là mật khẩu tốt: hãy ghép vài từ không liên quan với nhau.",
  },

  inbox: {
    title: "Hộp thư thử nghiệm",
    note: "Trang này chỉ tồn tại vì chưa đặt SMTP_URL: thư được giữ lại ở đây thay vì được gửi đi. Ai mở được trang này đều đọc được thư.",
    empty: "Chưa có thư nào. Thư mà máy chủ lẽ ra gửi đi sẽ tự hiện ra ở đây.",
    to: "Gửi đến",
    htmlVersion: "Bản HTML",
    json: "Cùng nội dung ở dạng JSON",
    newest: "Mới nhất ở trên, nhiều nhất 200 thư.",
  },

  docs: {
    title: "Tài liệu API",
    loading: "Đang tải tài liệu API…",
    raw: "Bản mô tả dưới dạng tệp: openapi.json",
  },

  errors: {
    listTitle: "Mã lỗi",
    listLead: "Mã lỗi không thay đổi: chương trình có thể dựa vào chúng. Câu thông báo có thể được viết lại.",
    status: "Trạng thái",
    whatNow: "Cách xử lý",
    all: "Tất cả mã lỗi",
    unknownTitle: "Không có mã lỗi này",
    unknown: "Phiên bản máy chủ này không có lỗi nào mang mã:",
    help: {
      400: "Hãy sửa lại yêu cầu. Phần “details” của câu trả lời nêu từng trường và quy tắc bị vi phạm.",
      401: "Hãy gửi thông tin xác thực hợp lệ: đăng nhập lại, làm mới access token hoặc kiểm tra API key.",
      403: "Đã biết người gọi là ai nhưng người đó không được phép. Cần người có quyền phân quyền cấp cho quyền này.",
      404: "Hãy kiểm tra mã định danh và tổ chức. Những gì thuộc về tổ chức khác được xem như không tồn tại.",
      409: "Yêu cầu mâu thuẫn với trạng thái hiện tại. Hãy đọc lại tài nguyên rồi quyết định tiếp.",
      412: "Đã có người thay đổi trước. Hãy đọc lại tài nguyên và thực hiện lại thay đổi với ETag mới.",
      413: "Hãy gửi ít dữ liệu hơn trong một yêu cầu.",
      415: "Hãy gửi nội dung ở dạng application/json.",
      429: "Hãy đợi số giây ghi trong tiêu đề “Retry-After” rồi thử lại.",
      500: "Lỗi nằm ở máy chủ. Người vận hành tìm nguyên nhân trong nhật ký theo “traceId” của câu trả lời.",
      503: "Một thành phần mà máy chủ cần đang không hoạt động. Hãy thử lại sau, mỗi lần đợi lâu hơn.",
      other: "Phần “details” của câu trả lời cho biết thêm.",
    },
  },

  browser: vietnameseForScripts,
};
