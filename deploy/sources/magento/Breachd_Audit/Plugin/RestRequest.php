<?php

declare(strict_types=1);

namespace Breachd\Audit\Plugin;

use Breachd\Audit\Model\CurrentPerson;
use Breachd\Audit\Model\PersonName;
use Magento\Authorization\Model\UserContextInterface;
use Magento\Webapi\Controller\Rest\RequestValidator;

/** Who calls the REST API: known once the request has been authorised. */
class RestRequest
{
    public function __construct(
        private UserContextInterface $userContext,
        private PersonName $personName
    ) {
    }

    public function beforeValidate(RequestValidator $subject): void
    {
        CurrentPerson::isUnknown();
    }

    /** @param mixed $result */
    public function afterValidate(RequestValidator $subject, $result)
    {
        $type = $this->userContext->getUserType();
        $id = $this->userContext->getUserId();
        $name = $this->personName->of($type === null ? null : (int) $type, $id === null ? null : (int) $id);
        if ($name !== null) {
            CurrentPerson::is($name);
        }
        return $result;
    }
}
