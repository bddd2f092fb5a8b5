<?php

/**
 * The public signatures of Magento that the module relies on, as magento/magento2 2.4 has them; bodies are ours and record
 * what they are called with. Only what is called is declared.
 */

declare(strict_types=1);

namespace Magento\Framework\DB\Adapter {
    interface AdapterInterface
    {
        const ERROR_DDL_MESSAGE = 'DDL statements are not allowed in transactions';

        public function query($sql, $bind = []);

        public function fetchAll($sql, $bind = [], $fetchMode = null);

        public function getTransactionLevel();
    }
}

namespace Magento\Framework\DB {
    class Select
    {
        public function __construct(private string $text)
        {
        }

        public function __toString()
        {
            return $this->text;
        }
    }
}

namespace Magento\Framework\DB\Adapter\Pdo {
    use Magento\Framework\DB\Adapter\AdapterInterface;

    class Mysql implements AdapterInterface
    {
        public array $seen = [];
        public mixed $bound = null;
        public int $level = 0;

        public function query($sql, $bind = [])
        {
            // As Magento does: by the first word.
            $word = strtolower(substr(ltrim((string) $sql), 0, 3));
            if ($this->level > 0 && in_array($word, ['alt', 'cre', 'ren', 'dro', 'tru'], true)) {
                throw new \Exception(AdapterInterface::ERROR_DDL_MESSAGE);
            }
            $this->seen[] = $sql;
            $this->bound = $bind;
            return null;
        }

        public function multiQuery($sql, $bind = [])
        {
            return $this->query($sql, $bind);
        }

        public function rawQuery($sql)
        {
            return $this->query($sql);
        }

        public function fetchAll($sql, $bind = [], $fetchMode = null)
        {
            return $this->query($sql, $bind);
        }

        public function getTransactionLevel()
        {
            return $this->level;
        }
    }
}

namespace Magento\Framework\Component {
    class ComponentRegistrar
    {
        const MODULE = 'module';

        public static array $registered = [];

        public static function register($type, $componentName, $path)
        {
            self::$registered[] = [$type, $componentName, $path];
        }
    }
}

namespace Magento\Framework\Event {
    class Observer
    {
        public function __construct(private array $data = [])
        {
        }

        public function getData($key = '', $index = null)
        {
            return $this->data[$key] ?? null;
        }
    }

    interface ObserverInterface
    {
        public function execute(Observer $observer);
    }
}

namespace Magento\Framework\App\Filesystem {
    class DirectoryList
    {
        const LOG = 'log';

        public function __construct(private string $log)
        {
        }

        public function getPath($code)
        {
            return $code === self::LOG ? $this->log : throw new \InvalidArgumentException();
        }
    }
}

namespace Magento\Framework\App\Response {
    class Http
    {
        public array $set = [];

        public function __construct(private ?string $caching)
        {
        }

        public function getHeader($name)
        {
            if ($name !== 'Cache-Control' || $this->caching === null) {
                return false;
            }
            return new class ($this->caching) {
                public function __construct(private string $value)
                {
                }

                public function getFieldValue()
                {
                    return $this->value;
                }
            };
        }

        public function setHeader($name, $value, $replace = false)
        {
            $this->set[$name] = $value;
            return $this;
        }
    }
}

namespace Magento\Framework\HTTP\PhpEnvironment {
    class RemoteAddress
    {
        public function __construct(private string $address)
        {
        }

        public function getRemoteAddress(bool $ipToLong = false)
        {
            return $this->address;
        }
    }
}

namespace Magento\Authorization\Model {
    interface UserContextInterface
    {
        const USER_TYPE_INTEGRATION = 1;
        const USER_TYPE_ADMIN = 2;
        const USER_TYPE_CUSTOMER = 3;
        const USER_TYPE_GUEST = 4;

        public function getUserId();

        public function getUserType();
    }
}

namespace Magento\User\Model {
    class User
    {
        public function __construct(private ?string $name = null)
        {
        }

        public function load($modelId, $field = null)
        {
            $this->name = 'admin' . $modelId;
            return $this;
        }

        public function getUserName()
        {
            return $this->name;
        }
    }

    class UserFactory
    {
        public function create(array $data = [])
        {
            return new User();
        }
    }
}

namespace Magento\Backend\Model\Auth {
    class Session
    {
        public function __construct(private ?\Magento\User\Model\User $user)
        {
        }

        public function getUser()
        {
            return $this->user;
        }
    }
}

namespace Magento\Customer\Model {
    class Customer
    {
        public function __construct(private int $id)
        {
        }

        public function getId()
        {
            return $this->id;
        }
    }

    class Session
    {
        public function __construct(private ?int $id)
        {
        }

        public function getCustomerId()
        {
            return $this->id;
        }
    }
}

namespace Magento\Webapi\Controller\Rest {
    class RequestValidator
    {
        public function validate()
        {
        }
    }
}

namespace Magento\Test {
    class Context implements \Magento\Authorization\Model\UserContextInterface
    {
        public function __construct(private ?int $type, private ?int $id)
        {
        }

        public function getUserId()
        {
            return $this->id;
        }

        public function getUserType()
        {
            return $this->type;
        }
    }
}
